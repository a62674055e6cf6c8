import Components
import Saliency
import Tensors

/// Contrastive consistency of maps (Pillai et al. 2022, "Consistent Explanations by Contrastive Learning"): the map of a view of an
/// image, which is a random crop of it, resized, and maybe flipped, should be the same view of the image's map, and unlike the maps of
/// other images. It is InfoNCE over the batch, the mean over layers and weights of
///
///     −log exp(s(v_i, p_i) / τ) / (exp(s(v_i, p_i) / τ) + Σ_{j≠i} exp(s(v_i, v_j) / τ))
///
/// with the map v_i of the view of image i, the same view p_i of the map of image i, and the cosine s of the angle between two maps.
/// The negatives are the images that a process computes together. An image alone has the value 0. At virtual weights each map is made
/// after the update of its own pass towards the class.
public struct ContrastiveConsistency: OuterObjective {
  public let name = "contrastive_consistency"
  /// The weights at which maps are made; the value is the mean over them.
  public var at: [MapWeights]
  /// The class whose maps are compared, for an image and its view alike.
  public var explain: ClassSensitivity.Explained
  /// The temperature τ.
  public var temperature: Double
  /// The smallest share of an image's area that a view shows.
  public var smallest: Double

  /// Creates the objective; by default for the most likely class, at the network's own weights.
  public init(
    at: [MapWeights] = [.plain], explain: ClassSensitivity.Explained = .top, temperature: Double = 0.5,
    smallest: Double = 0.2
  ) {
    (self.at, self.explain, self.temperature, self.smallest) = (at, explain, temperature, smallest)
  }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("explain", &explain, .choice())
    keys("temperature", &temperature, .number(0.001...1000))
    keys("smallest", &smallest, .number(0.01...1, "a share of the image's area"))
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(
      layers: maps.layers, usesVirtualWeights: at.contains(.virtual), couplesImages: true, images: 2)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (maps, temperature) = (images.maps, temperature)
    let classes = explain == .label ? images.labels : images.plain.output.logits.argmax()
    let views = images.draws.map { View(draw: $0, smallest: smallest) }
    let viewed = View.of(images.images.detached(), views)
    return at.map { kind in
      let weights: PassRequest.Weights = kind == .plain ? .plain : .virtual(towards: classes)
      return ObjectiveTerm([
        PassRequest(weights, layers: maps.layers), PassRequest(weights, images: viewed, layers: maps.layers),
      ]) { passes in
        let both = passes.map { $0.maps(maps.method, of: classes, at: maps.layers, createGraph: true) }
        let losses = zip(both[0], both[1]).map { whole, part in
          let positive = View.of(whole.reshaped(whole.shape + [1]), views).reshaped(whole.shape)
          return Self.value(part, positive, temperature: temperature)
        }
        return losses.mean / Double(at.count)
      }
    }
  }

  /// The value for maps [N, h, w] and the maps of the same shape that they should be like: [N].
  static func value(_ maps: Tensor, _ positives: Tensor, temperature: Double) -> Tensor {
    let count = maps.shape[0]
    func direction(_ maps: Tensor) -> Tensor {
      let flat = maps.reshaped([count, -1])
      return flat * flat.norm([1], keepDims: true).reciprocalOrZero
    }
    let (own, like) = (direction(maps), direction(positives))
    let size = own.shape[1]
    let positive = (own * like).sum([1], keepDims: true)
    let identity = Tensor(
      (0..<(count * count)).map { $0 / count == $0 % count ? 1.0 : 0 }, shape: [count, count]
    ).converted(to: maps.scalarType)
    let all = (own.reshaped([count, 1, size]) * own.reshaped([1, count, size])).sum([2])
    let logits = (all * (1 - identity) + positive * identity) / temperature
    return logits.crossEntropy(to: Array(0..<count))
  }
}

/// A view of an image: a window in relative coordinates, resized to the whole image, and maybe flipped left to right.
struct View: Sendable {
  /// The start and the length of the window, as shares of the height and of the width.
  let rows, columns: (start: Double, length: Double)
  /// Whether it is flipped.
  let isFlipped: Bool

  /// Draws a view: its area is between `smallest` and all of the image's, and its width is between ¾ and 4⁄3 of its height, relative to
  /// the image, unless the image ends before.
  init(draw: UInt64, smallest: Double) {
    var random = RandomSource(seed: draw, purpose: "view")
    let area = smallest + (1 - smallest) * random.uniform()
    let ratio = 0.75 + (4.0 / 3 - 0.75) * random.uniform()
    let sides = [1 / ratio, ratio].map { min(1, (area * $0).squareRoot()) }
    let starts = sides.map { (1 - $0) * random.uniform() }
    (rows, columns) = ((starts[0], sides[0]), (starts[1], sides[1]))
    isFlipped = Bool.random(using: &random)
  }

  /// A view with this window.
  init(rows: (start: Double, length: Double), columns: (start: Double, length: Double), isFlipped: Bool) {
    (self.rows, self.columns, self.isFlipped) = (rows, columns, isFlipped)
  }

  /// The view of each of some images [N, H, W, C], by linear interpolation.
  static func of(_ images: Tensor, _ views: [View]) -> Tensor {
    .concatenated(
      views.enumerated().map { index, view in
        images.sliced(axis: 0, from: index, length: 1)
          .resampled(axis: 1, table(images.shape[1], view.rows, false))
          .resampled(axis: 2, table(images.shape[2], view.columns, view.isFlipped))
      }, axis: 0)
  }

  /// The table for an axis: output i lies in the middle of the i-th of equal parts of the window.
  private static func table(
    _ size: Int, _ window: (start: Double, length: Double), _ isFlipped: Bool
  ) -> ResamplingTable {
    ResamplingTable(
      inputs: size,
      rows: (0..<size).map { output in
        let part = Double(isFlipped ? size - 1 - output : output) + 0.5
        let position = window.start * Double(size) + part * window.length - 0.5
        let inside = min(max(0, position), Double(size - 1))
        let low = Int(inside)
        let fraction = inside - Double(low)
        return fraction > 0 ? [(low, 1 - fraction), (low + 1, fraction)] : [(low, 1)]
      })
  }
}
