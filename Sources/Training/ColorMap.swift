import Foundation

/// A perceptually uniform color map: in OKLCh (Ottosson 2020) the lightness increases linearly from dark blue to light
/// yellow, while the hue passes through violet, red and orange.
public enum ColorMap {
  private static let table: [SIMD3<Double>] = (0...255).map { color(Double($0) / 255) }

  /// The color of a value in [0, 1], as red, green and blue in [0, 1]; values outside are clamped, and NaN counts as 0.
  public static func color(at value: Double) -> SIMD3<Double> {
    table[Int((min(max(value.isNaN ? 0 : value, 0), 1) * 255).rounded())]
  }

  private static func color(_ t: Double) -> SIMD3<Double> {
    let lightness = 0.18 + 0.76 * t
    let hue = (280 + 175 * t) * Double.pi / 180
    var chroma = 0.1 + 0.12 * sin(.pi * t)
    // Reduce the chroma until the color is inside the sRGB gamut.
    while true {
      let rgb = rgb(lightness, chroma * cos(hue), chroma * sin(hue))
      if chroma < 0.001 || (rgb.min() >= 0 && rgb.max() <= 1) {
        return rgb.clamped(lowerBound: .zero, upperBound: .one)
      }
      chroma -= 0.002
    }
  }

  /// Converts OKLab to sRGB.
  private static func rgb(_ lightness: Double, _ a: Double, _ b: Double) -> SIMD3<Double> {
    let l = lightness + 0.3963377774 * a + 0.2158037573 * b
    let m = lightness - 0.1055613458 * a - 0.0638541728 * b
    let s = lightness - 0.0894841775 * a - 1.2914855480 * b
    let (l3, m3, s3) = (l * l * l, m * m * m, s * s * s)
    let red = 4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3
    let green = -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3
    let blue = -0.0041960863 * l3 - 0.7034186147 * m3 + 1.7076147010 * s3
    func encoded(_ x: Double) -> Double { x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055 }
    return SIMD3(encoded(red), encoded(green), encoded(blue))
  }
}
