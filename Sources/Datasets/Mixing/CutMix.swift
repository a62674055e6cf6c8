import Components
import Tensors

/// A rectangle of the other image in place of the image's own, whose share of the area is 1 − λ but for the image's edges, λ
/// drawn from Beta(α, α) for the batch (Yun et al. 2019).
public struct CutMix: Mixing, Equatable {
  public let name = "cutmix"
  /// α of the Beta distribution.
  public var alpha: Double

  /// Mixing by shares from Beta(α, α).
  public init(_ alpha: Double = 1) { self.alpha = alpha }

  public mutating func visit(_ keys: Keys) { keys("alpha", &alpha, .alpha) }

  /// `cutmix: 1`
  public static var shorthand: Codec<Self>? { Codec<Double>.alpha.standing(for: { CutMix($0) }, \.alpha) }

  public func mixed(
    _ images: Tensor, with others: Tensor, using random: inout RandomSource
  ) -> (images: Tensor, share: Double) {
    let own = random.beta(alpha)
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
}
