import Components
import Formats
import Tensors

/// Random brightness, contrast, saturation and hue, in random order: torchvision's `ColorJitter`.
public struct ColorJitter: Augmentation, Equatable {
  public let name = "color_jitter"
  /// The largest difference between the brightness factor and 1.
  public var brightness = 0.0
  /// The largest difference between the contrast factor and 1.
  public var contrast = 0.0
  /// The largest difference between the saturation factor and 1.
  public var saturation = 0.0
  /// The largest shift of the hue as a fraction of the color circle; at most ½.
  public var hue = 0.0

  /// A jitter that changes nothing until its settings are made.
  public init() {}

  /// Without settings nothing would change, so a recipe has to state some.
  public static var needsSettings: Bool { true }

  public var keepsObjectsInPlace: Bool { true }

  public mutating func visit(_ keys: Keys) {
    let strength = Codec<Double>.number(0...100, "beyond, all pixels are black or white")
    keys("brightness", &brightness, strength)
    keys("contrast", &contrast, strength)
    keys("saturation", &saturation, strength)
    keys("hue", &hue, .number(0...0.5, "half of the color circle either way"))
  }

  public func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    func factor(_ strength: Double) -> Double { .random(in: max(0, 1 - strength)...(1 + strength), using: &random) }
    let changes: [(RGBImage) -> RGBImage] = [
      brightness > 0 ? factor(brightness) : nil, contrast > 0 ? factor(contrast) : nil,
      saturation > 0 ? factor(saturation) : nil, hue > 0 ? .random(in: -hue...hue, using: &random) : nil,
    ].enumerated().compactMap { index, amount in
      amount.map { amount in
        { image in
          switch index {
          case 0: image.brightened(by: amount)
          case 1: image.contrasted(by: amount)
          case 2: image.saturated(by: amount)
          default: image.hueTurned(by: amount)
          }
        }
      }
    }
    return changes.shuffled(using: &random).reduce(image) { $1($0) }
  }
}
