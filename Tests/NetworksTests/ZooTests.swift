import Foundation
import TestSupport
import Testing

@testable import Networks
@testable import Tensors

/// Compares torchvision's networks with torchvision's values. The formulas of weights and images are in
/// `../shared/goldens/make_zoo.py`, and in `Fixtures/make_zoo.py` for the networks that it does not have.
@Suite("The zoo against torchvision", .serialized) struct ZooTests {
  struct Expected: Decodable {
    struct Map: Decodable {
      let first_row: [Double]
      let sum: Double
      let shape: [Int]
    }
    struct Entry: Decodable {
      let name: String
      let shape: [Int]
      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        (name, shape) = (try list.decode(String.self), try list.decode([Int].self))
      }
    }
    let size, parameters: Int
    let state: [Entry]
    let logits: [Double]
    let logits_norm: Double
    let normgrad: [String: Map]
  }

  /// All of torchvision's networks.
  static let architectures = Architecture.zoo.filter {
    ![.resnet20, .resnet32, .resnet44, .resnet56, .plain].contains($0)
  }
  /// The networks that the goldens do not have.
  static let others: [Architecture] = [.convnext_tiny, .efficientnet_b0]

  private static func values(_ path: String) throws -> [String: Expected] {
    try JSONDecoder().decode([String: Expected].self, from: try Data(contentsOf: URL(fileURLWithPath: path)))
  }
  private static let goldens = Result { try values(Shared.path("goldens/zoo.json")) }

  @Test(
    "names, shapes, logits and maps agree", .enabled(if: Shared.exists("goldens"), "../shared/goldens is not there"),
    arguments: architectures.filter { !others.contains($0) })
  func agreement(_ architecture: Architecture) throws {
    try check(architecture, #require(try Self.goldens.get()[architecture.name]))
  }

  @Test("names, shapes, logits and maps agree with the fixture's", arguments: others)
  func agreementWithFixture(_ architecture: Architecture) throws {
    try check(architecture, #require(try Self.values(fixture("zoo.json"))[architecture.name]))
  }

  private func check(_ architecture: Architecture, _ expected: Expected) throws {
    var network = architecture.network(classes: 1000, seed: nil)
    #expect(network.parameters.reduce(0) { $0 + $1.count } == expected.parameters)
    #expect(network.stateDictionary.map(\.name) == expected.state.map(\.name))
    #expect(network.stateDictionary.map(\.value.shape) == expected.state.map(\.shape))
    network.fill()

    let double = network.converted(to: .float64)
    try check(double, expected, tolerance: 1e-6)
    let pools = network.pools(asIn: double, image(expected.size))
    for pool in pools { #expect(pool.loss < 2e-6, "\(architecture): single precision takes what is no maximum") }
    network.choose(pools)
    try check(network, expected, tolerance: 1e-3)
  }

  @Test("every architecture accepts images of its smallest side", arguments: architectures)
  func smallest(_ architecture: Architecture) {
    let side = architecture.smallestSide
    let network = architecture.network(classes: 2, seed: nil)
    #expect(network(.zeros([1, side, side, 3])).logits.shape == [1, 2])
  }

  private func check(_ network: Network, _ expected: Expected, tolerance: Double) throws {
    func expectClose(_ found: [Double], _ expected: [Double], _ what: String) {
      let error = relativeError(Tensor(found), Tensor(expected))
      #expect(error < tolerance, "\(network.architecture) in \(network.scalarType): \(what)")
    }
    let layers = expected.normgrad.keys.sorted()
    // torchvision's DenseNet applies ReLU in place to the output of `norm5`.
    let captured = layers.map { $0 == "features.norm5" ? "relu" : $0 }
    let output = network(image(expected.size).converted(to: network.scalarType), capturing: captured)
    expectClose(Array(output.logits.doubles.prefix(8)), expected.logits, "logits")
    expectClose([output.logits.detached().norm([0, 1]).item], [expected.logits_norm], "the logits' norm")
    let activations = try captured.map { try #require(output.activations[$0]) }
    let derivatives = gradients(of: output.logits.takenAlongLastAxis([3]), withRespectTo: activations)
    for (layer, (x, g)) in zip(layers, zip(activations, derivatives)) {
      let map = x.detached().norm([3]) * g.norm([3])
      let reference = try #require(expected.normgrad[layer])
      #expect(Array(map.shape.dropFirst()) == reference.shape)
      expectClose(
        Array(map.doubles.prefix(reference.first_row.count)), reference.first_row, "\(layer), first row")
      expectClose([map.sum().item], [reference.sum], "\(layer), sum")
    }
  }

  private func image(_ size: Int) -> Tensor {
    var values: [Double] = []
    for i in 0..<size {
      for j in 0..<size {
        for c in 0..<3 {
          values.append(sin(0.1 * Double(i) + 0.2 * Double(j) + Double(c)) + 0.5 * cos(0.05 * Double(i * j)))
        }
      }
    }
    return Tensor(values, shape: [1, size, size, 3])
  }
}

// If two values in a pooling window are nearly equal, rounding decides which is the larger one, and the gradient goes
// to another location: the map jumps. With these smooth images and weights near ties are common. In the third pooling
// of squeezenet1_0 the two largest values differ by less than 1e-5, relatively, in 977 of 2317 windows; in vgg19_bn in
// 2350 of 8312. PyTorch's own maps in float32 differ from those in float64, and also between memory layouts and
// convolution libraries, by up to 6.7e-2 in vgg16, 1.2e-1 in squeezenet1_0 and 1.3e-1 in vgg19_bn, where 3 to about 60
// windows choose another location. Where no window does, they differ by at most 1e-4. In this implementation 72 windows
// of squeezenet1_0 choose another location, for a difference of 1.2e-1; without Winograd's algorithm it is 139 windows
// and 2.6e-1. The tests therefore compare the values at the chosen locations, which may differ by at most 5e-7, and
// make the maps with the choices of double precision, from which they differ by 2e-4.

/// A pooling that takes the element of each window that another network has chosen.
private struct ChosenPool: Module {
  /// Its name within `features`.
  let name: String
  let places: [Int32]
  let shape: [Int]
  /// The largest difference between a window's maximum and the chosen element, relative to the layer's largest value.
  let loss: Double

  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x.gather(places, shape: shape) }
  mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {}
}

extension Network {
  private var features: Sequential? {
    let root = root as? Sequential
    return root.flatMap { zip($0.names, $0.modules).first { $0.0 == "features" }?.1 as? Sequential }
  }

  /// The poolings in `features` with the choices of the same network in double precision; empty if the architecture has
  /// no list of features.
  fileprivate func pools(asIn double: Network, _ image: Tensor) -> [ChosenPool] {
    guard let features else { return [] }
    return features.modules.indices.compactMap { index in
      guard
        let pool = features.modules[index] as? MaxPool
      else { return nil }
      let layer = "features." + features.names[index - 1]
      func input(_ network: Network) -> Tensor? {
        network(image.converted(to: network.scalarType), capturing: [layer]).activations[layer]?.detached()
      }
      guard let exact = input(double), let rounded = input(self) else { return nil }
      let pooled = exact.maxPooled(
        window: pool.window, stride: pool.stride, padding: pool.padding, coveringEdges: pool.coveringEdges)
      func places(_ x: Tensor) -> [Int32] {
        Kernels.maxPool(
          x, window: pool.window, stride: pool.stride, padding: pool.padding, shape: pooled.shape
        ).places
      }
      let losses = (pooled - exact.gather(places(rounded), shape: pooled.shape)).doubles
      return ChosenPool(
        name: features.names[index], places: places(exact), shape: pooled.shape,
        loss: (losses.max() ?? 0) / (pooled.doubles.max() ?? 1))
    }
  }

  /// Replaces the network's poolings by these.
  fileprivate mutating func choose(_ pools: [ChosenPool]) {
    guard let root = root as? Sequential, let features else { return }
    let chosen: [any Module] = zip(features.names, features.modules).map { name, module in
      pools.first { $0.name == name } ?? module
    }
    let all = Sequential(named: zip(features.names, chosen).map { ($0, $1) })
    self.root = Sequential(named: zip(root.names, root.modules).map { ($0, $0 == "features" ? all : $1) })
  }
}

extension Network {
  /// Sets every parameter and statistic by the formula.
  fileprivate mutating func fill() {
    var entry = 0
    visit { name, kind, tensor in
      entry += 1
      let shape = kind.shapeInFiles(tensor.shape)
      let isNorm = shape.count == 1 && name.hasSuffix(".weight")
      let root = Double(shape.dropFirst().reduce(1, *)).squareRoot()
      var k = 0.0
      let value = Kernels.fill(shape, .float32) {
        k += 1
        let s = fastSine(12.9898 * k + 78.233 * Double(entry))
        if shape.count >= 2 { return s * 2 / root }
        if name.hasSuffix("running_var") { return 1 + 0.1 * s }
        return isNorm ? 0.5 + 0.1 * s : 0.1 * s
      }
      tensor = kind.fromFiles(value)
    }
  }
}

/// The sine for arguments up to 10⁹, for which the C library's function is several times slower. Whole turns are
/// subtracted first, with 2π as the sum of two numbers.
private func fastSine(_ x: Double) -> Double {
  let turns = (x / (2 * .pi)).rounded()
  return sin(x.addingProduct(-turns, 2 * .pi) - turns * 2.4492935982947064e-16)
}
