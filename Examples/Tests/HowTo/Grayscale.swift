import MetasalKit

/// Without color, with a probability: every channel becomes the luma of ITU-R BT.601, as with torchvision's `RandomGrayscale`.
struct Grayscale: Augmentation {
  let name = "grayscale"
  /// How often.
  var probability = 0.1

  mutating func visit(_ keys: Keys) { keys("probability", &probability, .share) }

  func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
    guard random.uniform() < probability else { return image }
    let pixels = stride(from: 0, to: image.pixels.count, by: 3).flatMap { start in
      let color = image.pixels[start..<(start + 3)].map { Double($0) }
      let luma = UInt8((0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]).rounded())
      return [luma, luma, luma]
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}
