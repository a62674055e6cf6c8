import MetasalKit
import Testing

@Suite("Augmentation and mixing") struct AugmentationTests {
  @Test("grayscale makes all channels the luma, as often as it is told to")
  func grayscale() {
    let image = RGBImage(width: 2, height: 1, pixels: [255, 0, 0, 0, 0, 100])
    var random = RandomSource(seed: 0, purpose: "test")
    let gray = Grayscale(probability: 1)(image, background: [0, 0, 0], using: &random)
    #expect(gray.pixels == [76, 76, 76, 11, 11, 11])
    #expect(Grayscale(probability: 0)(image, background: [0, 0, 0], using: &random) == image)
  }

  @Test("halves takes the right half of the other image, and says which share is the image's own")
  func halves() {
    var random = RandomSource(seed: 0, purpose: "test")
    let (mixed, share) = Halves().mixed(.zeros([1, 2, 3, 3]), with: .ones([1, 2, 3, 3]), using: &random)
    #expect(mixed.sum([0, 1, 3]).doubles == [0, 6, 6] && share == 1 / 3)
  }
}
