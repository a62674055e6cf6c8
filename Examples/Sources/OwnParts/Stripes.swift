import MetasalKit

/// A data set of generated stripes: the class is their direction; colors, width and position are random.
struct Stripes: Dataset, DatasetSource {
  let name = "stripes"
  /// The number of images.
  var count = 200
  /// The random seed.
  var seed = 0
  let classNames = ["horizontal", "vertical", "rising", "falling"]
  private let side = 32

  mutating func visit(_ keys: Keys) {
    keys("count", &count, .integer(1...1_000_000))
    keys("seed", &seed, .integer(0...(.max)))
  }

  func dataset() -> any Dataset { self }

  func sample(at index: Int) -> Sample {
    var random = RandomSource(seed: UInt64(seed), purpose: "stripes", index)
    let label = index % classNames.count
    let (width, offset) = (Int.random(in: 2...5, using: &random), Int.random(in: 0..<10, using: &random))
    let colors = (0..<2).map { _ in (0..<3).map { _ in UInt8.random(in: 0...255, using: &random) } }
    let pixels = (0..<(side * side)).flatMap { pixel in
      let (x, y) = (pixel % side, pixel / side)
      let along = [y, x, x + y, x - y + side][label] + offset
      return colors[along / width % 2]
    }
    return Sample(
      image: RGBImage(width: side, height: side, pixels: pixels), label: label, source: "stripes \(index)")
  }
}
