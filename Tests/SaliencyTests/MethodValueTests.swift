import Foundation
import Networks
import Tensors
import TestSupport
import Testing

@testable import Saliency

/// Compares every method, at three layers of a residual network in float64, with another implementation of the methods'
/// formulas: Fixtures/make_methods.py. It explains the weights, the images, and the four numbers that represent a map.
@Suite("Methods' values") struct MethodValueTests {
  private static let references: [String: [String: [Double]]] = {
    let data = try? Data(contentsOf: URL(fileURLWithPath: fixture("methods.json")))
    return (data.flatMap { try? JSONDecoder().decode([String: [String: [Double]]].self, from: $0) }) ?? [:]
  }()

  @Test("there is a value for every named method, extract, aggregate and backward rule")
  func completeness() {
    let methods = Self.references.keys.compactMap { Method($0) }
    #expect(methods.count == Self.references.count && methods.count >= 60)
    func words(_ name: String) -> [Substring] { name.split { $0 == "/" || $0 == ":" } }
    let known = Set(Self.references.keys.flatMap(words))
    // Other tests register methods of their own.
    for (name, method) in Method.named where String(reflecting: type(of: method.base)).hasPrefix("Saliency.") {
      #expect(known.contains(Substring(name)), "\(name)")
    }
    for aggregate in Aggregate.allCases {
      for extract in ["bias", "scaling", "conv1x1", "conv3x3", "depthwise3x3", "own_conv"] {
        #expect(Self.references["\(extract)/\(aggregate.rawValue)"]?.count == 3, "\(extract)/\(aggregate)")
      }
    }
  }

  @Test(
    "maps and their derivatives with respect to the parameters agree at every layer", arguments: [false, true],
    references.keys.sorted())
  func values(_ recomputes: Bool, _ name: String) throws {
    let method = try #require(Method(name))
    let references = try #require(Self.references[name])
    let network = try Self.network.with(parameters: Self.network.parameters.map { $0.tracked() }).recomputing(
      recomputes)
    let layers = references.keys.sorted()
    let inference = Inference(network, Self.images, capturing: layers)
    let maps = inference.maps(method, of: [3, 7], at: layers, createGraph: true)
    for (layer, map) in zip(layers, maps) {
      let expected = try #require(references[layer])
      let flat = map.reshaped([-1])
      let value = (flat * Tensor((0..<flat.count).map { cos(0.7 * Double($0) + 0.3) })).sum()
      let derivatives = gradients(of: value, withRespectTo: network.parameters, createGraph: false)
      let norm = derivatives.reduce(0) { $0 + $1.squared.sum().item }.squareRoot()
      let along = zip(derivatives, Self.directions).reduce(0) { $0 + ($1.0 * $1.1).sum().item }
      let found = [value.item, flat.norm([0]).item, norm, along]
      // The error is relative to the norm of the summands, because a sum may be small compared with them.
      let sizes = [expected[1], expected[1], expected[2], expected[2]]
      for (what, (found, (expected, size))) in zip(found, zip(expected, sizes)).enumerated() {
        #expect(abs(found - expected) < 1e-9 * size, "\(layer), number \(what): \(found) for \(expected)")
      }
    }
  }

  /// A ResNet-20 with weights from the fixture's formula.
  private static var network: Network {
    get throws {
      let empty = Architecture.resnet20.network(classes: 10, seed: nil).converted(to: .float64)
      return try empty.loading(
        empty.stateDictionary.enumerated().map { j, entry in
          let shape = entry.value.shape
          let scale = 2 / Double(shape.dropFirst().reduce(1, *)).squareRoot()
          let values = (0..<entry.value.count).map { k -> Double in
            let s = sin(12.9898 * Double(k + 1) + 78.233 * Double(j + 1))
            if shape.count >= 2 { return s * scale }
            if entry.name.hasSuffix("running_var") { return 1 + 0.1 * s }
            return entry.name.hasSuffix(".weight") ? 0.3 + 0.5 * s : 0.1 * s
          }
          return (entry.name, Tensor(values, shape: shape))
        })
    }
  }

  /// A direction for every parameter, from the fixture's formula; kernels have this project's layout.
  private static let directions: [Tensor] = {
    let network = Architecture.resnet20.network(classes: 10, seed: nil)
    return zip(network.state, network.stateDictionary).enumerated().compactMap { j, entry in
      guard entry.0.kind.isParameter else { return nil }
      let values = (0..<entry.1.value.count).map { cos(3.7 * Double($0 + 1) + 1.3 * Double(j + 1)) }
      let direction = Tensor(values, shape: entry.1.value.shape)
      return entry.0.kind.fromFiles(direction)
    }
  }()

  private static let images: Tensor = {
    let side = 12
    let values = (0..<(2 * side * side * 3)).map { index -> Double in
      let (c, j, i, n) = (index % 3, index / 3 % side, index / 3 / side % side, index / 3 / side / side)
      return sin(0.7 * Double(i) + 0.9 * Double(j) + Double(c + n)) + 0.5 * cos(0.35 * Double(i * j))
    }
    return Tensor(values, shape: [2, side, side, 3])
  }()
}

/// Tests of Grad-CAM++ near the zero of its denominator.
@Suite("Grad-CAM++") struct HigherOrderTests {
  /// The map, and its derivatives, for a 1×2 image of one channel with these activations and gradients.
  private func map(_ x: [Double], _ g: [Double]) -> (map: [Double], derivatives: [[Double]]) {
    let (x, g) = (Tensor(x, shape: [1, 1, 2, 1]).tracked(), Tensor(g, shape: [1, 1, 2, 1]).tracked())
    let map = ClassActivation.ChannelWeights.higherOrder.map(x, g)
    return (map.doubles, gradients(of: map, withRespectTo: [x, g]).map(\.doubles))
  }

  @Test("the weight is a location's g³ times the sum of the activations, at every scale of the gradients")
  func formula() {
    for scale in [1e-150, 1e-12, 1, 1e12, 1e150] {
      let (x, g) = ([1.0, 3], [0.5 * scale, -2 * scale])
      let weight = g[0] / (2 + g[0] * 4)
      #expect(zip(map(x, g).map, x).allSatisfy { abs($0 - weight * $1) <= 1e-14 * weight * $1 }, "\(scale)")
    }
  }

  @Test("gradients that are zero or negative have weight 0 and finite derivatives")
  func nothing() {
    let (map, derivatives) = map([1, 3], [0, -2])
    #expect(map == [0, 0])
    #expect(derivatives.joined().allSatisfy { $0.isFinite })
  }

  @Test("if the activations' sum is negative, value and derivative are bounded near the denominator's zero")
  func pole() {
    // The activations' sum is −1, so that the denominator is 2 − g.
    func at(_ g: Double) -> (map: [Double], derivatives: [[Double]]) { map([3, -4], [g, 0]) }
    #expect(at(2).map == [0, 0])
    for step in -400...400 {
      let g = 2 + Double(step) / 1000
      let below = 2 - g
      let share = abs(below) < 0.1 ? 100 * below : 1 / below
      let expected = [max(0, share * g * 3), max(0, share * g * -4)]
      let found = at(g)
      #expect(zip(found.map, expected).allSatisfy { abs($0 - $1) < 1e-9 }, "\(g)")
      #expect(found.derivatives.joined().allSatisfy { abs($0) < 2000 }, "\(g)")
    }
  }
}
