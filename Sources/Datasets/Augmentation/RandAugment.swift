import Components
import Foundation
import Formats
import Tensors

/// RandAugment: a number of operations drawn from fourteen, all of the same strength (Cubuk et al. 2020).
public struct RandAugment: Augmentation, Equatable {
  public let name = "randaugment"
  /// The number of operations that are applied one after the other.
  public var operations = 2
  /// The strength of the operations, from 0 to 30.
  public var magnitude = 9

  /// RandAugment with torchvision's defaults.
  public init() {}

  public mutating func visit(_ keys: Keys) {
    keys("operations", &operations, .integer(1...14))
    keys("magnitude", &magnitude, .integer(0...30))
  }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    (0..<operations).reduce(image) { image, _ in
      let change = Change.allCases[Int.random(in: 0..<Change.allCases.count, using: &random)]
      return change(image, magnitude: magnitude, isReversed: Bool.random(using: &random))
    }
  }

  /// The fourteen operations, with torchvision's ranges.
  enum Change: CaseIterable {
    case identity, shearX, shearY, translateX, translateY, rotate, brightness, color, contrast, sharpness, posterize,
      solarize, autoContrast, equalize

    func callAsFunction(_ image: RGBImage, magnitude: Int, isReversed: Bool) -> RGBImage {
      let share = Double(magnitude) / 30
      let (width, height) = (Double(image.width), Double(image.height))
      func signed(_ strongest: Double) -> Double { (isReversed ? -1 : 1) * strongest * share }
      switch self {
      case .identity: return image
      // As in torchvision, shears keep the upper left corner fixed, and the strength is the tangent of the shear angle.
      case .shearX: return image.transformed([1, signed(0.3), 0, 0, 1, 0])
      case .shearY: return image.transformed([1, 0, 0, signed(0.3), 1, 0])
      case .translateX: return image.transformed([1, 0, -signed(150.0 / 331 * width).rounded(.towardZero), 0, 1, 0])
      case .translateY: return image.transformed([1, 0, 0, 0, 1, -signed(150.0 / 331 * height).rounded(.towardZero)])
      case .rotate:
        // Rotation about the center; positive angles are counterclockwise.
        let angle = signed(30) * .pi / 180
        let (c, s) = (cos(angle), sin(angle))
        return image.transformed([
          c, -s, width / 2 - c * width / 2 + s * height / 2, s, c, height / 2 - s * width / 2 - c * height / 2,
        ])
      case .brightness: return image.brightened(by: 1 + signed(0.9))
      case .color: return image.saturated(by: 1 + signed(0.9))
      case .contrast: return image.contrasted(by: 1 + signed(0.9))
      case .sharpness: return image.sharpened(by: 1 + signed(0.9))
      case .posterize: return image.posterized(bits: 8 - Int((Double(magnitude) / 7.5).rounded(.toNearestOrEven)))
      case .solarize: return image.solarized(threshold: 255 * (1 - share))
      case .autoContrast: return image.autoContrasted
      case .equalize: return image.equalized
      }
    }
  }
}
