import Components
import Foundation
import Tensors

/// A class and how much of it an image is.
public struct Target: Sendable, Equatable {
  /// The class.
  public var label: Int
  /// 1 for an image as it is; the shares of what is mixed add up to 1.
  public var share: Double

  /// All of one class unless told otherwise.
  public init(_ label: Int, share: Double = 1) { (self.label, self.share) = (label, share) }
}

extension Tensor {
  /// The targets of some images as shares of all classes, [N, classes].
  public static func softTargets(of targets: [[Target]], classes: Int, _ type: ScalarType) -> Tensor {
    softTargets(of: targets.map { $0.map { ($0.label, $0.share) } }, classes: classes, type)
  }
}

/// How the images of a training batch are mixed, each with the one before it, and their classes with them. An image's own
/// label stays what its maps explain.
///
/// To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.mixings.register(Halves())
public protocol Mixing: Component {
  /// Images mixed with others, in one way for the whole batch.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], normalized.
  ///   - others: for each of the images another one, of the same shape.
  ///   - random: what is drawn from.
  /// - Returns: the images mixed, and the share that is the images' own, of which their classes get as much.
  func mixed(_ images: Tensor, with others: Tensor, using random: inout RandomSource) -> (images: Tensor, share: Double)
}

extension Registries {
  /// The ways of mixing that recipes can name.
  public static let mixings = Registry<any Mixing>("mixing", [Mixup(), CutMix()])
}

extension Mixing {
  /// A batch mixed; one of a single image stays as it is.
  func callAsFunction(_ batch: Batch, using random: inout RandomSource) -> Batch {
    let images = batch.images
    let count = images.shape[0]
    guard count > 1 else { return batch }
    let others = Tensor.concatenated(
      [images.sliced(axis: 0, from: count - 1, length: 1), images.sliced(axis: 0, from: 0, length: count - 1)], axis: 0)
    let (mixed, share) = mixed(images, with: others, using: &random)
    let targets = batch.targets.indices.map { index in
      let other = batch.targets[(index + count - 1) % count]
      return batch.targets[index].map { Target($0.label, share: $0.share * share) }
        + other.map { Target($0.label, share: $0.share * (1 - share)) }
    }
    return Batch(
      images: mixed, labels: batch.labels, targets: targets, objects: batch.objects, rgbImages: batch.rgbImages,
      indices: batch.indices)
  }
}

extension Codec<Double> {
  /// α of Beta(α, α).
  static var alpha: Codec { number(0.001...4, "of Beta(α, α), from which shares are drawn") }
}

extension RandomSource {
  /// A number from Beta(α, α), by Jöhnk's method (1964), which is quick for α up to a few.
  mutating func beta(_ alpha: Double) -> Double {
    while true {
      let (u, v) = (Double.random(in: 0..<1, using: &self), Double.random(in: 0..<1, using: &self))
      let (x, y) = (pow(u, 1 / alpha), pow(v, 1 / alpha))
      if x + y > 0 && x + y <= 1 { return x / (x + y) }
      // Where α is so small that both are nothing, their ratio is still there, in logarithms.
      if x + y == 0, u > 0 || v > 0 { return 1 / (1 + exp((log(v) - log(u)) / alpha)) }
    }
  }
}
