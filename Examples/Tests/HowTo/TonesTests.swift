import MetasalKit
import Testing

@Suite("The data set tones") struct TonesTests {
  @Test("the brightest channel is the label's, and a sample is the same whenever it is asked for")
  func samples() {
    let tones = Tones(count: 6, size: 8)
    for index in 0..<tones.count {
      let sample = tones.sample(at: index)
      let color = sample.image.pixels.prefix(3)
      #expect(sample.label == index % 3 && color.firstIndex(of: color.max() ?? 0) == sample.label)
      #expect(sample.image == tones.sample(at: index).image && sample.image.size == PixelSize(width: 8, height: 8))
    }
  }
}
