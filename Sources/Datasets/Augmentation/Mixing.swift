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
public enum Mixing: Sendable, Equatable {
  /// λ of one image and 1 − λ of the other, λ drawn from Beta(α, α) for the batch (Zhang et al. 2018).
  case mixup(Double)
  /// A rectangle of the other image in place of the image's own, whose share of the area is 1 − λ but for the image's edges
  /// (Yun et al. 2019).
  case cutmix(Double)

  func callAsFunction(_ batch: Batch, using random: inout RandomSource) -> Batch {
    let images = batch.images
    let count = images.shape[0]
    guard count > 1 else { return batch }
    let others = Tensor.concatenated(
      [images.sliced(axis: 0, from: count - 1, length: 1), images.sliced(axis: 0, from: 0, length: count - 1)], axis: 0)
    let (mixed, share) =
      switch self {
      case .mixup(let alpha):
        { (own: Double) in (images * own + others * (1 - own), own) }(Self.beta(alpha, using: &random))
      case .cutmix(let alpha): Self.patched(images, others, Self.beta(alpha, using: &random), using: &random)
      }
    let targets = batch.targets.indices.map { index in
      let other = batch.targets[(index + count - 1) % count]
      return batch.targets[index].map { Target($0.label, share: $0.share * share) }
        + other.map { Target($0.label, share: $0.share * (1 - share)) }
    }
    return Batch(
      images: mixed, labels: batch.labels, targets: targets, objects: batch.objects, rgbImages: batch.rgbImages,
      indices: batch.indices)
  }

  /// Images with a rectangle of others, and the share of their own that is left.
  private static func patched(
    _ images: Tensor, _ others: Tensor, _ own: Double, using random: inout RandomSource
  ) -> (Tensor, Double) {
    func span(_ size: Int) -> Range<Int> {
      let half = (Double(size) * (1 - own).squareRoot() / 2)
      let center = Double(Int.random(in: 0..<size, using: &random))
      return max(0, Int(center - half))..<min(size, Int(center + half))
    }
    let (height, width) = (images.shape[1], images.shape[2])
    let (rows, columns) = (span(height), span(width))
    let mask = Tensor(
      (0..<(height * width)).map { rows.contains($0 / width) && columns.contains($0 % width) ? 1.0 : 0.0 },
      shape: [1, height, width, 1]
    ).converted(to: images.scalarType)
    return (
      images * (mask * -1 + 1) + others * mask, 1 - Double(rows.count * columns.count) / Double(height * width)
    )
  }

  /// A number from Beta(α, α), by Jöhnk's method (1964), which is quick for α up to a few.
  static func beta(_ alpha: Double, using random: inout RandomSource) -> Double {
    while true {
      let (u, v) = (Double.random(in: 0..<1, using: &random), Double.random(in: 0..<1, using: &random))
      let (x, y) = (pow(u, 1 / alpha), pow(v, 1 / alpha))
      if x + y > 0 && x + y <= 1 { return x / (x + y) }
      // Where α is so small that both are nothing, their ratio is still there, in logarithms.
      if x + y == 0, u > 0 || v > 0 { return 1 / (1 + exp((log(v) - log(u)) / alpha)) }
    }
  }
}
