import Foundation
import Formats
import Tensors

/// Some changes drawn from fourteen, all of one strength (Cubuk et al. 2020).
public struct RandAugment: Sendable, Equatable {
  /// How many changes, one after the other.
  public var operations = 2
  /// Their strength, below 31.
  public var magnitude = 9

  /// torchvision's defaults.
  public init() {}

  func callAsFunction(_ picture: Picture, using random: inout RandomSource) -> Picture {
    (0..<operations).reduce(picture) { picture, _ in
      let change = Change.allCases[Int.random(in: 0..<Change.allCases.count, using: &random)]
      return change(picture, magnitude: magnitude, isReversed: Bool.random(using: &random))
    }
  }

  /// The changes there are, with torchvision's ranges.
  enum Change: CaseIterable {
    case identity, shearX, shearY, translateX, translateY, rotate, brightness, color, contrast, sharpness, posterize,
      solarize, autoContrast, equalize

    func callAsFunction(_ picture: Picture, magnitude: Int, isReversed: Bool) -> Picture {
      let share = Double(magnitude) / 30
      let (width, height) = (Double(picture.width), Double(picture.height))
      func signed(_ strongest: Double) -> Double { (isReversed ? -1 : 1) * strongest * share }
      switch self {
      case .identity: return picture
      // Shears are about the upper left corner, given as angles whose tangent is the strength.
      case .shearX: return picture.transformed([1, signed(0.3), 0, 0, 1, 0])
      case .shearY: return picture.transformed([1, 0, 0, signed(0.3), 1, 0])
      case .translateX: return picture.transformed([1, 0, -signed(150.0 / 331 * width).rounded(.towardZero), 0, 1, 0])
      case .translateY: return picture.transformed([1, 0, 0, 0, 1, -signed(150.0 / 331 * height).rounded(.towardZero)])
      case .rotate:
        // About the centre, against the clock for positive angles.
        let angle = signed(30) * .pi / 180
        let (c, s) = (cos(angle), sin(angle))
        return picture.transformed([
          c, -s, width / 2 - c * width / 2 + s * height / 2, s, c, height / 2 - s * width / 2 - c * height / 2,
        ])
      case .brightness: return picture.brightened(by: 1 + signed(0.9))
      case .color: return picture.saturated(by: 1 + signed(0.9))
      case .contrast: return picture.contrasted(by: 1 + signed(0.9))
      case .sharpness: return picture.sharpened(by: 1 + signed(0.9))
      case .posterize: return picture.posterized(bits: 8 - Int((Double(magnitude) / 7.5).rounded(.toNearestOrEven)))
      case .solarize: return picture.solarized(threshold: 255 * (1 - share))
      case .autoContrast: return picture.autoContrasted
      case .equalize: return picture.equalized
      }
    }
  }
}
