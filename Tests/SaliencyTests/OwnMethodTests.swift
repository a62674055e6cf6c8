import Components
import Networks
import Tensors
import TestSupport
import Testing

@testable import Saliency

/// A custom method: the mean activation, times a number.
private struct Brightness: SaliencyMethod {
  var factor = 1

  static let named = [(name: "brightness", method: Brightness())]
  static var form: String? { "brightness:2, brightness:3, …" }
  var name: String { factor == 1 ? "brightness" : "brightness:\(factor)" }

  static func parse(_ name: MethodName) throws(Method.Malformed) -> Brightness? {
    guard name.word == "brightness", name.rest == nil else { return nil }
    return Brightness(factor: try name.number(of: "times", upTo: 9, usually: 1))
  }

  func maps(_ request: MapRequest) -> [Tensor] { request.activations.map { $0.mean([3]) * Double(factor) } }

  func obstacle(at layer: String, of network: Network) -> String? { layer == "input" ? "needs a layer" : nil }
}

/// A custom method with a name and no settings, which uses both backward passes.
private struct Difference: SaliencyMethod {
  let name = "difference"
  func maps(_ request: MapRequest) -> [Tensor] {
    zip(request.gradients(), request.gradients(.guided)).map { ($0 - $1).sum([3]) }
  }
}

@Suite("Custom methods") struct OwnMethodTests {
  private static let isRegistered: Bool = {
    Registries.methods.register(Brightness.self)
    Registries.methods.register(Difference())
    return true
  }()

  private let network = Architecture.plain.network(classes: 4, seed: 1)
  private let images: Tensor

  init() {
    #expect(Self.isRegistered)
    var random = RandomSource(seed: 1, purpose: "images")
    images = .normal([2, 16, 16, 3], using: &random)
  }

  private func map(_ name: String) throws -> Tensor {
    let method = try #require(Method(name))
    return Inference(network, images, capturing: ["features.5"]).maps(method, of: [0, 1], at: ["features.5"])[0]
  }

  @Test("a registered method can be named everywhere, with numbers and inside other methods")
  func names() throws {
    #expect(Method.grammar.contains("brightness") && Method.named.contains { $0.name == "difference" })
    for name in ["brightness", "brightness:3", "smooth:2/brightness:3", "competitive/difference"] {
      #expect(Method(name)?.description == name)
    }
    #expect(Method("brightness:1") == Method("brightness") && Method("brightness:1")?.description == "brightness:1")
    #expect(Method("brightness:3") != Method("brightness") && Method("brightness") != Method("difference"))
    #expect(throws: Method.Malformed.self) { try Method(named: "brightness:10") }
    let report = Keys.Report()
    #expect(Codec.method.read(Entry(.scalar("smooth/difference", isText: false)), "key", report) != nil)
  }

  @Test("a custom method makes its maps from the activations and the shared passes")
  func maps() throws {
    let activation = try #require(
      Inference(network, images, capturing: ["features.5"]).output.activations["features.5"])
    #expect(try relativeError(map("brightness:3"), activation.mean([3]) * 3) < 1e-6)
    // All other classes compete and the map is the same for every class, so no value is larger than the rivals'.
    #expect(try map("competitive/brightness").doubles.allSatisfy { $0 == 0 })
    let difference = try map("difference").doubles
    #expect(difference.contains { $0 != 0 })
    #expect(try map("smooth:2/difference").doubles != difference)
  }

  @Test("an obstacle is reported under the requested name, also for a method inside another")
  func obstacles() throws {
    let method = try #require(Method("smooth/brightness"))
    #expect(method.obstacle(at: "input", of: network) == "smooth/brightness needs a layer")
    #expect(method.obstacle(at: "features.5", of: network) == nil)
  }
}
