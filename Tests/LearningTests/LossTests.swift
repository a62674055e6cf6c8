import Foundation
import TestSupport
import Tensors
import Testing

@testable import Learning

@Suite("Task losses") struct LossTests {
  private struct Expected: Decodable { let values, gradient: [Double] }

  @Test("values and gradients agree with PyTorch's, with smoothing, weights and soft targets")
  func values() throws {
    let all = try JSONDecoder().decode(
      [String: Expected].self, from: Data(contentsOf: URL(fileURLWithPath: fixture("losses.json"))))
    let logits = Tensor([1.0, -2, 0.5, 3, -30, 40, 0, 2, 0.1, 0.2, -0.3, 0], shape: [3, 4])
    let targets = Tensor([0.0, 0, 1, 0, 0.3, 0.7, 0, 0, 1, 0, 0, 1], shape: [3, 4])
    let hard = Tensor([0.0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1], shape: [3, 4])
    let (weights, positive) = ([1, 0.5, 2, 0], [3, 1, 0.25, 2])
    let losses: [String: (Tensor) -> Tensor] = [
      "cross_entropy": { CrossEntropy(labelSmoothing: 0.1).value($0, targets) },
      "weighted_cross_entropy": { CrossEntropy(labelSmoothing: 0.2, classWeights: weights).value($0, targets) },
      "binary": { BinaryCrossEntropy(labelSmoothing: 0.2).value($0, targets) },
      "weighted_binary": {
        BinaryCrossEntropy(classWeights: weights, positiveWeights: positive).value($0, targets)
      }, "focal": { FocalLoss().value($0, hard) },
      "focal_without_alpha": { FocalLoss(gamma: 1.5, alpha: nil).value($0, hard) },
    ]
    #expect(losses.count == all.count)
    for (name, loss) in losses {
      let expected = try #require(all[name])
      let tracked = logits.tracked()
      let values = loss(tracked)
      let gradient = gradients(of: values.sum([0]), withRespectTo: [tracked])[0]
      for (found, value) in zip(values.doubles + gradient.doubles, expected.values + expected.gradient) {
        #expect(abs(found - value) < 1e-12 * max(1, abs(value)), "\(name): \(found), expected \(value)")
      }
    }
  }
}
