import MetasalKit

/// Images of one color each, whose class is the channel that is brightest. The data set has no files, so that it is its own
/// source.
struct Tones: Dataset, DatasetSource {
  let name = "tones"
  /// Number of images.
  var count = 60
  /// Side of the images in pixels.
  var size = 16
  let classNames = ["red", "green", "blue"]

  mutating func visit(_ keys: Keys) {
    keys("count", &count, .count(from: 1))
    keys("size", &size, .integer(8...256))
  }

  func dataset() -> any Dataset { self }

  func sample(at index: Int) -> Sample {
    let label = index % 3
    var random = RandomSource(seed: 0, purpose: "tones", index)
    let color = (0..<3).map { UInt8.random(in: $0 == label ? 160...255 : 0...96, using: &random) }
    let pixels = (0..<(size * size)).flatMap { _ in color }
    return Sample(
      image: RGBImage(width: size, height: size, pixels: pixels), label: label, source: "tone \(index)")
  }
}
