import Components
import Tensors

/// CutMix: replaces a rectangle of each image by that of another image (Yun et al. 2019). The rectangle's area is 1 − λ
/// of the image's, less what lies outside of the image; λ is drawn from Beta(α, α) once per batch.
public struct CutMix: Mixing, Equatable {
  public let name = "cutmix"
  /// α of the Beta distribution.
  public var alpha: Double

  /// CutMix with shares drawn from Beta(α, α).
  public init(_ alpha: Double = 1) { self.alpha = alpha }

  public mutating func visit(_ keys: Keys) { keys("alpha", &alpha, .alpha) }

  /// The number alone is accepted in place of a section: `cutmix: 1`.
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
