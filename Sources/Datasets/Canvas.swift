import Foundation
import Formats
import Tensors

/// A canvas on which a scene is painted: square, with colors in [0, 1], row by row.
struct Canvas {
  typealias Color = SIMD3<Double>

  let size: Int
  private var pixels: [Color]
  /// The number of sample points per pixel and axis for a shape's coverage.
  private static let samples = 3

  init(size: Int) {
    self.size = size
    pixels = Array(repeating: .zero, count: size * size)
  }

  var image: RGBImage {
    RGBImage(
      width: size, height: size,
      pixels: pixels.flatMap { color in (0..<3).map { UInt8(min(max(color[$0], 0), 1) * 255 + 0.5) } })
  }

  private static func color(_ random: inout RandomSource) -> Color {
    Color(random.uniform(), random.uniform(), random.uniform())
  }

  /// Paints a color gradient or stripes, with soft blobs and small fragments of lines on it. Returns the mean color.
  mutating func paintBackground(_ random: inout RandomSource) -> Color {
    let (from, to) = (Self.color(&random), Self.color(&random))
    let angle = 2 * Double.pi * random.uniform()
    let waves = random.uniform() < 0.4 ? 1.5 + 4 * random.uniform() : 0
    let (dx, dy) = (cos(angle) / Double(size), sin(angle) / Double(size))
    for y in 0..<size {
      for x in 0..<size {
        let t = Double(x) * dx + Double(y) * dy
        let blend = waves > 0 ? 0.5 + 0.5 * sin(2 * .pi * waves * t) : min(max(0.5 + 0.7 * t, 0), 1)
        pixels[y * size + x] = from + (to - from) * (0.25 + 0.5 * blend)
      }
    }
    for _ in 0..<Int.random(in: 1...4, using: &random) { paintBlob(&random) }
    let mean = pixels.reduce(.zero, +) / Double(pixels.count)
    for _ in 0..<Int.random(in: 3...7, using: &random) { paintFragment(&random) }
    return mean
  }

  private mutating func paintBlob(_ random: inout RandomSource) {
    let color = Self.color(&random)
    let (cx, cy) = (random.uniform() * Double(size), random.uniform() * Double(size))
    let (rx, ry) = ((0.08 + 0.2 * random.uniform()) * Double(size), (0.08 + 0.2 * random.uniform()) * Double(size))
    for y in 0..<size {
      for x in 0..<size {
        let (u, v) = ((Double(x) + 0.5 - cx) / rx, (Double(y) + 0.5 - cy) / ry)
        let weight = 0.6 * exp(-(u * u + v * v))
        pixels[y * size + x] += (color - pixels[y * size + x]) * weight
      }
    }
  }

  /// Paints a short line, too small to be mistaken for an object.
  private mutating func paintFragment(_ random: inout RandomSource) {
    let color = Self.color(&random)
    let angle = 2 * Double.pi * random.uniform()
    let length = (0.05 + 0.12 * random.uniform()) * Double(size)
    let (x, y) = (random.uniform() * Double(size), random.uniform() * Double(size))
    for step in 0...Int(length) {
      let (i, j) = (Int(x + cos(angle) * Double(step)), Int(y + sin(angle) * Double(step)))
      guard (0..<size).contains(i), (0..<size).contains(j) else { continue }
      pixels[j * size + i] += (color - pixels[j * size + i]) * 0.8
    }
  }

  /// Paints an object in a color that contrasts with the background, plain or patterned. Returns its mask, row by row.
  mutating func paint(
    _ shape: Shape, at centre: (x: Double, y: Double), radius: Double, avoiding ground: Color,
    _ random: inout RandomSource
  ) -> [Bool] {
    func distance(_ a: Color, _ b: Color) -> Double { ((a - b) * (a - b)).sum().squareRoot() }
    let candidates = (0..<12).map { _ in Self.color(&random) }
    let color =
      candidates.first { distance($0, ground) > 0.6 }
      ?? candidates.max { distance($0, ground) < distance($1, ground) } ?? .one
    let second = color + (Self.color(&random) - color) * 0.35
    let pattern = Int.random(in: 0..<3, using: &random)
    let (angle, frequency) = (2 * Double.pi * random.uniform(), 1.5 + 2 * random.uniform())
    let (sine, cosine) = (sin(angle), cos(angle))
    var mask = [Bool](repeating: false, count: size * size)
    let (rows, columns) = (span(centre.y, radius), span(centre.x, radius))
    for y in rows {
      for x in columns {
        var (covered, local) = (0, (x: 0.0, y: 0.0))
        for i in 0..<(Self.samples * Self.samples) {
          let dx = Double(x) + (Double(i % Self.samples) + 0.5) / Double(Self.samples) - centre.x
          let dy = Double(y) + (Double(i / Self.samples) + 0.5) / Double(Self.samples) - centre.y
          local = ((cosine * dx + sine * dy) / radius, (cosine * dy - sine * dx) / radius)
          if shape.contains(local.x, local.y) { covered += 1 }
        }
        guard covered > 0 else { continue }
        let coverage = Double(covered) / Double(Self.samples * Self.samples)
        let blend =
          switch pattern {
          case 0: 0.0
          case 1: 0.5 + 0.5 * local.x
          default: sin(2 * .pi * frequency * local.y) > 0 ? 1.0 : 0.0
          }
        pixels[y * size + x] += (color + (second - color) * blend - pixels[y * size + x]) * coverage
        mask[y * size + x] = coverage >= 0.5
      }
    }
    return mask
  }

  private func span(_ centre: Double, _ radius: Double) -> Range<Int> {
    let low = max(0, Int(centre - radius * 1.05) - 1)
    return low..<max(low, min(size, Int(centre + radius * 1.05) + 2))
  }

  /// Adds uniform noise to every pixel.
  mutating func addNoise(_ random: inout RandomSource) {
    for i in pixels.indices { pixels[i] += Color(random.uniform(), random.uniform(), random.uniform()) * 0.12 - 0.06 }
  }
}
