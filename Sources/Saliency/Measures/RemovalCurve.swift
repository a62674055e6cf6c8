import Foundation
import Tensors

/// The curve of a class's probability while salient pixels are removed or inserted. ``Deletion`` and ``Insertion``
/// share it.
struct RemovalCurve {
  /// The replacement of removed pixels.
  enum Cover {
    /// The mean color, which is 0 in the network's input.
    case mean
    /// The blurred image: a Gaussian with a std of 5 pixels, cut off at 11×11, as in the RISE authors' code.
    case blur
  }

  /// The number of points of the curve besides the first image.
  let steps: Int

  init(steps: Int) {
    precondition(steps > 0, "RemovalCurve: \(steps) steps")
    self.steps = steps
  }

  /// The area under the probability's curve while pixels change from one image to another, the most salient first.
  ///
  /// - Parameters:
  ///   - map: the map that orders the pixels.
  ///   - start: the first image, [1, H, W, 3].
  ///   - end: the last image, [1, H, W, 3].
  ///   - score: computes the class's probability for images [N, H, W, 3].
  /// - Returns: the area, or the reason why it is undefined.
  func area(under map: ImageMap, from start: Tensor, to end: Tensor, _ score: (Tensor) -> [Double]) -> Score.Value {
    if let undefined = map.state.undefined { return undefined }
    let (order, colors) = (map.order, start.shape[3])
    let goal = end.doubles
    var pixels = start.doubles
    var images = [start]
    for step in 0..<steps {
      for pixel in order[(step * order.count / steps)..<((step + 1) * order.count / steps)] {
        for c in 0..<colors { pixels[pixel * colors + c] = goal[pixel * colors + c] }
      }
      images.append(Tensor(pixels, shape: start.shape).converted(to: start.scalarType))
    }
    let curve = stride(from: 0, to: images.count, by: 8).flatMap { first in
      score(.concatenated(Array(images[first..<min(images.count, first + 8)]), axis: 0))
    }
    // The trapezoidal rule.
    return .defined((curve.reduce(0, +) - (curve[0] + curve[curve.count - 1]) / 2) / Double(steps))
  }

  static func covered(_ image: Tensor, _ cover: Cover) -> Tensor {
    switch cover {
    case .mean: return .zeros(image.shape, image.scalarType)
    case .blur:
      let weights = (-5...5).map { exp(-Double($0 * $0) / 50) }
      let total = weights.reduce(0, +)
      func blurring(_ count: Int) -> ResamplingTable {
        ResamplingTable(
          inputs: count,
          rows: (0..<count).map { i in
            weights.enumerated().compactMap { offset, weight in
              let index = i + offset - 5
              return (0..<count).contains(index) ? (index, weight / total) : nil
            }
          })
      }
      return image.resampled(axis: 1, blurring(image.shape[1])).resampled(axis: 2, blurring(image.shape[2]))
    }
  }
}
