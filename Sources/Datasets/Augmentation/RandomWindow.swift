import Components
import Foundation
import Formats
import Tensors

/// Draws windows of random size, aspect ratio and position.
enum RandomWindow {
  typealias Window = (x: Int, y: Int, width: Int, height: Int)

  /// Draws a window that fits into the image.
  ///
  /// - Parameters:
  ///   - image: the image.
  ///   - scale: the smallest and largest area as a fraction of the image's area.
  ///   - ratio: the smallest and largest ratio of width to height.
  ///   - random: the source of random numbers.
  /// - Returns: the window; nil if none of ten draws fits.
  static func draw(
    in image: RGBImage, scale: [Double], ratio: [Double], using random: inout RandomSource
  ) -> Window? {
    for _ in 0..<10 {
      let area = Double(image.width * image.height) * .random(in: scale[0]...scale[1], using: &random)
      let shape = exp(Double.random(in: log(ratio[0])...log(ratio[1]), using: &random))
      let (width, height) = (Int((area * shape).squareRoot().rounded()), Int((area / shape).squareRoot().rounded()))
      guard width > 0, height > 0, width <= image.width, height <= image.height else { continue }
      return (
        .random(in: 0...(image.width - width), using: &random),
        .random(in: 0...(image.height - height), using: &random), width, height
      )
    }
    return nil
  }
}

extension Keys {
  /// Visits the keys for the ranges of a random window.
  ///
  /// - Parameters:
  ///   - scale: the smallest and largest area as a fraction of the image's area.
  ///   - ratio: the smallest and largest ratio of width to height.
  func window(scale: inout [Double], ratio: inout [Double]) {
    // In most images a millionth of the area is less than a pixel, and with a ratio beyond 1000 a window is a line.
    self("scale", &scale, .list(.number(1e-6...1, "a share of the image's area")))
    self("ratio", &ratio, .list(.number(0.001...1000, "width over height")))
    for (key, range) in [("scale", scale), ("ratio", ratio)] where range.count != 2 || range[0] > range[1] {
      refuse(key, "expected two numbers, the least and the greatest")
    }
  }
}
