import Foundation
import Formats
import Networks
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

/// The effect of single precision on the gradient of a deep network with random weights, compared with torch's float64;
/// see `make_precision.py`, whose formulas are repeated here.
@Suite("Single precision against exact arithmetic") struct PrecisionTests {
  private struct Reference: Decodable {
    let side: Int
    /// ‖g₆₄‖ and ‖g₃₂ − g₆₄‖ / ‖g₆₄‖ for torch's gradients.
    let norm, difference_of_float32: Double
    let sketch: [Double]
  }

  private let folder = ScratchFolder()
  private static let references = Result {
    try JSONDecoder().decode([Reference].self, from: try Files.read(fixture("precision.json")))
  }

  private static func mixed(_ number: Int) -> UInt32 {
    var x = UInt32(number)
    x ^= x >> 16
    x &*= 0x7feb_352d
    x ^= x >> 15
    x &*= 0x846c_a68b
    return x ^ (x >> 16)
  }

  private static func sketch(_ tensors: [Tensor]) -> [Double] {
    var (sums, index) = ([Double](repeating: 0, count: 256), 0)
    for tensor in tensors {
      for value in tensor.doubles {
        let hash = mixed(index)
        sums[Int(hash & 255)] += hash >> 31 == 1 ? -value : value
        index += 1
      }
    }
    return sums
  }

  private static func difference(_ a: [Double], _ b: [Double]) -> Double {
    let (d, n) = zip(a, b).reduce((0, 0)) { ($0.0 + ($1.0 - $1.1) * ($1.0 - $1.1), $0.1 + $1.1 * $1.1) }
    return (d / n).squareRoot()
  }

  /// Writes a file with the weights of the formula.
  private func weights() throws -> String {
    var first = 0
    let entries = Architecture.densenet121.network(classes: 3, seed: nil).stateDictionary.map { name, value in
      guard value.rank > 1 else {
        let isOne = name.hasSuffix(".running_var") || name.hasSuffix(".weight")
        return (name: name, value: isOne ? Tensor.ones(value.shape) : .zeros(value.shape))
      }
      let scale = exp2(log2((6 / Double(value.count / value.shape[0])).squareRoot()).rounded(.down))
      let numbers = (first..<(first + value.count)).map { Float((Double(Self.mixed($0) >> 8) / 8_388_608 - 1) * scale) }
      first += value.count
      return (name: name, value: Tensor(numbers, shape: value.shape))
    }
    let path = folder.file("weights.safetensors")
    try Safetensors.write(NamedTensors(entries), to: path)
    return path
  }

  private func setup(side: Int) throws -> Setup {
    for label in 0..<3 {
      let start = 1 << 30 + label * side * side * 3
      let pixels = (start..<(start + side * side * 3)).map { UInt8(Self.mixed($0) >> 31) * 255 }
      try Files.makeFolder(folder.file("\(side)/\(label)"))
      try RGBImage(width: side, height: side, pixels: pixels).writePNG(to: folder.file("\(side)/\(label)/image.png"))
    }
    let path = try folder.write(
      "r.yaml",
      """
      model: { architecture: densenet121, batch_norm: train }
      data:
        train: { folder: \(folder.file("\(side)")) }
        validation: { folder: \(folder.file("\(side)")) }
        normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }
        batch: 3
      saliency: { method: normgrad, layers: [features.denseblock2] }
      outer: [{ objective: cross_entropy }]
      optimizer: { name: sgd, rate: 0.01 }
      evaluation: { images: 3, measures: [accuracy], figures: 0 }
      run: { steps: 1, output: unused }
      """)
    return try Setup(try Recipe.load(path), weights: try weights())
  }

  @Test(
    "DenseNet-121's gradient in float64 agrees with torch, and the reported difference of float32 is right",
    arguments: [0, 1])
  func reference(number: Int) throws {
    let reference = try Self.references.get()[number]
    let setup = try setup(side: reference.side)
    #expect(try setup.train.batch([0, 1, 2]).images.doubles.allSatisfy { abs($0) == 2 })
    func gradient(_ type: ScalarType) throws -> [Double] {
      let network = setup.network.converted(to: .float64).with(parameters: try setup.comparedGradient(type))
      let names = Set(network.parameterNames)
      return Self.sketch(network.stateDictionary.filter { names.contains($0.name) }.map(\.value))
    }
    let (exact, single) = (try gradient(.float64), try gradient(.float32))
    // The bad conditioning of the network amplifies rounding errors in float64 as much as in float32.
    let conditioning = reference.difference_of_float32 / Double(Float.ulpOfOne)
    let exactError = Self.difference(exact, reference.sketch)
    #expect(exactError < 30 * conditioning * Double.ulpOfOne, "\(exactError)")
    // The difference between float32 and torch's float64, measured by the sketch, and the message for the user.
    let far = Self.difference(single, reference.sketch)
    let comparison = try #require(try setup.comparePrecisions())
    #expect(comparison.difference / far > 0.8 && comparison.difference / far < 1.25, "\(comparison.difference), \(far)")
    #expect((comparison.note != nil) == (reference.side == 32) && comparison.images == 3)
    // The cause is the conditioning of the network: torch's float32 differs as much.
    let ratio = comparison.difference / reference.difference_of_float32
    #expect(ratio > 0.02 && ratio < 50, "\(ratio)")
  }
}
