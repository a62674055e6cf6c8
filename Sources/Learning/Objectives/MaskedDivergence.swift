import Components
import Saliency
import Tensors

/// The Kullback–Leibler divergence Σ p log(p / q) between the predictions p for an image and q for the masked image.
/// The mask sets the least salient pixels to 0, the mean color. It trains predictions that depend only on the pixels
/// that the map marks as important, after saliency guided training (Ismail, Corrada Bravo and Feizi 2021, equation 3).
/// Any saliency method may take the place of their gradient. The map is that of the label at the recipe's first layer;
/// it is not differentiated.
public struct MaskedDivergence: OuterObjective {
  public let name = "masked_divergence"
  /// The share of the pixels that are removed.
  public var removed: Double

  /// Creates the objective; by default half of the pixels are removed.
  public init(removed: Double = 0.5) { self.removed = removed }

  public mutating func visit(_ keys: Keys) { keys("removed", &removed, .share) }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds(layers: Array(maps.layers.prefix(1))) }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let layers = Array(images.maps.layers.prefix(1))
    let masked = images.plain.maps(images.maps.method, of: images.labels, at: layers).first.map {
      Self.masked(images.images, by: $0.detached(), removed: removed)
    }
    return [
      ObjectiveTerm([PassRequest(), PassRequest(images: masked)]) { passes in
        let (whole, part) = (passes[0].output.logits, passes[1].output.logits)
        func logProbabilities(_ logits: Tensor) -> Tensor { logits - logits.logSumExp().reshaped([-1, 1]) }
        return (whole.softmax() * (logProbabilities(whole) - logProbabilities(part))).sum([1])
      }
    ]
  }

  /// Sets the least salient pixels of images [N, H, W, C] to 0, by maps [N, h, w]. Among equally salient pixels those
  /// later in reading order are removed first.
  private static func masked(_ images: Tensor, by maps: Tensor, removed: Double) -> Tensor {
    let (count, height, width) = (images.shape[0], images.shape[1], images.shape[2])
    let pixels = height * width
    var mask = [Double](repeating: 1, count: count * pixels)
    for image in 0..<count {
      let map = ImageMap(maps.sliced(axis: 0, from: image, length: 1), width: width, height: height)
      for pixel in map.order.suffix(Int((Double(pixels) * removed).rounded())) { mask[image * pixels + pixel] = 0 }
    }
    return images.detached() * Tensor(mask, shape: [count, height, width, 1]).converted(to: images.scalarType)
  }
}
