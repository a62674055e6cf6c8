import Components
import Foundation
import Tensors

/// A class and its share in an image.
public struct Target: Sendable, Equatable {
  /// The class.
  public var label: Int
  /// The share of the class: 1 for an image that is not mixed. The shares of mixed images add up.
  public var share: Double

  /// A class with a share, by default 1.
  public init(_ label: Int, share: Double = 1) { (self.label, self.share) = (label, share) }
}

extension Tensor {
  /// The targets of a batch as shares of all classes, [N, classes].
  public static func softTargets(of targets: [[Target]], classes: Int, _ type: ScalarType) -> Tensor {
    softTargets(of: targets.map { $0.map { ($0.label, $0.share) } }, classes: classes, type)
  }
}

/// A way of mixing the images of a training batch: each image with the one before it in the batch, and their targets
/// with them. The saliency maps still explain the image's own label.
///
/// To add one, write one file with a type that conforms, and register a value of it:
///
///     Registries.mixings.register(Halves())
public protocol Mixing: Component {
  /// Mixes images with others, with the same random choices for the whole batch.
  ///
  /// - Parameters:
  ///   - images: [N, H, W, 3], normalized.
  ///   - others: the image to mix with each image, of the same shape.
  ///   - random: the source of random numbers.
  /// - Returns: the mixed images, and the share of the original image in each, which also weighs its targets.
  func mixed(_ images: Tensor, with others: Tensor, using random: inout RandomSource) -> (images: Tensor, share: Double)
}

extension Registries {
  /// The ways of mixing images that recipes can name.
  public static let mixings = Registry<any Mixing>("mixing", [Mixup(), CutMix()])
}

extension Mixing {
  /// Mixes each image of a batch with the one before it.
  ///
  /// - Parameters:
  ///   - batch: the images, of which the first is there for the second alone.
  ///   - random: the source of random numbers.
  /// - Returns: the mixed images without the first one.
  func callAsFunction(_ batch: Batch, using random: inout RandomSource) -> Batch {
    let count = batch.images.shape[0] - 1
    let (own, others) = (1...count, 0..<count)
    let (mixed, share) = mixed(
      batch.images.sliced(axis: 0, from: 1, length: count), with: batch.images.sliced(axis: 0, from: 0, length: count),
      using: &random)
    let targets = zip(own, others).map { index, other in
      batch.targets[index].map { Target($0.label, share: $0.share * share) }
        + batch.targets[other].map { Target($0.label, share: $0.share * (1 - share)) }
    }
    return Batch(
      images: mixed, labels: Array(batch.labels[own]), targets: targets, objects: Array(batch.objects[own]),
      rgbImages: Array(batch.rgbImages[own]), indices: Array(batch.indices[own]))
  }
}

extension Codec<Double> {
  /// A codec for α of Beta(α, α).
  static var alpha: Codec { number(0.001...4, "of Beta(α, α), from which shares are drawn") }
}

extension RandomSource {
  /// Draws a number from Beta(α, α) by Jöhnk's method (1964), which is fast for α up to about 4.
  mutating func beta(_ alpha: Double) -> Double {
    while true {
      let (u, v) = (Double.random(in: 0..<1, using: &self), Double.random(in: 0..<1, using: &self))
      let (x, y) = (pow(u, 1 / alpha), pow(v, 1 / alpha))
      if x + y > 0 && x + y <= 1 { return x / (x + y) }
      // For very small α both powers underflow to 0; their ratio is then computed from logarithms.
      if x + y == 0, u > 0 || v > 0 { return 1 / (1 + exp((log(v) - log(u)) / alpha)) }
    }
  }
}
