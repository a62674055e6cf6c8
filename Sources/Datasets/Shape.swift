import Foundation

/// The classes of ``Scenes``: shapes that differ only in their form.
enum Shape: String, CaseIterable {
  case disk, ring, square, triangle, star, cross, crescent, bar

  /// Whether a point lies in the shape, which roughly fills the unit disk.
  func contains(_ x: Double, _ y: Double) -> Bool {
    let r2 = x * x + y * y
    if r2 > 1.05 { return false }
    switch self {
    case .disk: return r2 < 0.72
    case .ring: return r2 < 0.9 && r2 > 0.26
    case .square: return max(abs(x), abs(y)) < 0.7
    case .triangle: return y > -0.5 && abs(x) * 1.732 + y < 1
    case .star:
      // The star has five tips at radius 1 and notches at radius 0.42, joined by straight lines.
      let sector = 2 * Double.pi / 5
      var angle = atan2(x, y).truncatingRemainder(dividingBy: sector)
      if angle < 0 { angle += sector }
      angle = min(angle, sector - angle)
      let (tip, notch, half) = (1.0, 0.42, sector / 2)
      let radius = tip * notch * sin(half) / (tip * sin(angle) + notch * sin(half - angle))
      return r2 < radius * radius
    case .cross: return min(abs(x), abs(y)) < 0.24 && max(abs(x), abs(y)) < 0.95
    case .crescent: return r2 < 0.9 && (x - 0.5) * (x - 0.5) + y * y > 0.5
    case .bar: return abs(x) < 0.26 && abs(y) < 0.97
    }
  }
}
