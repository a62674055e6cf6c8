import Networks
import Tensors
import TestSupport
import Testing

@testable import Saliency

/// Values and derivatives are compared with PyTorch's in ``MethodValueTests``.
@Suite("Finer-CAM") struct FinerCAMTests {
  @Test("Finer-CAM's names have both numbers, and it goes around methods made of a logit's gradient only")
  func finer() throws {
    let method = try #require(Method("finer:5:1/grad_cam")?.base as? FinerCAM)
    #expect(method.similar == 5 && method.strength == 1 && method.name == "finer:5:1.0/grad_cam")
    #expect(Method("finer/grad_cam") == .finer(.gradCAM, similar: 3, strength: 0.6))
    #expect(Method("finer:3:0.6/grad_cam") == Method("finer/grad_cam"))
    #expect(Method("finer:2/normgrad")?.description == "finer:2/normgrad")
    let wrong = [
      "finer/rise", "finer/excitation_backprop", "finer:0/grad_cam", "finer:1:-1/grad_cam", "finer:1:2:3/grad_cam",
      "finer",
    ]
    for wrong in wrong {
      #expect(throws: Method.Malformed.self, "\(wrong)") { try Method(named: wrong) }
    }
    #expect(Method("smooth:2/finer/grad_cam") != nil && Method("competitive/finer/grad_cam") != nil)
  }

  @Test("without strength, Finer-CAM is the method itself; of two classes it subtracts the other one")
  func finerValues() throws {
    var random = RandomSource(seed: 2, purpose: "images")
    let inference = Inference(
      Architecture.plain.network(classes: 2, seed: 3).converted(to: .float64),
      .normal([2, 16, 16, 3], .float64, using: &random), capturing: ["features.5"])
    func map(_ name: String, _ classes: [Int] = [0, 1]) throws -> Tensor {
      inference.maps(try #require(Method(name)), of: classes, at: ["features.5"])[0]
    }
    #expect(try relativeError(map("finer:3:0/normgrad"), map("normgrad")) < 1e-12)
    // The linear approximation is linear in the logit.
    let expected = try map("linear_approximation") - map("linear_approximation", [1, 0]) * 0.6
    #expect(try relativeError(map("finer/linear_approximation"), expected) < 1e-9)
  }
}
