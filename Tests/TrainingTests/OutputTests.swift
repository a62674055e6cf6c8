import Formats
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite("Tables, figures and messages") struct OutputTests {
  @Test("the columns of a table are aligned: words left, numbers right")
  func table() {
    var table = Table(["name", "value"], leftAligned: 1)
    table.add(["a", "1.5"])
    table.add(["longer", "−10.25"])
    #expect(
      table.description == """
        name     value
        ──────  ──────
        a          1.5
        longer  −10.25
        """)
  }

  @Test("the lightness of the color map increases evenly from dark to bright")
  func colorMap() {
    let luminance = stride(from: 0.0, through: 1, by: 0.05).map { value -> Double in
      let color = ColorMap.color(at: value)
      return 0.2126 * color.x * color.x + 0.7152 * color.y * color.y + 0.0722 * color.z * color.z
    }
    #expect(luminance == luminance.sorted())
    #expect((luminance.first ?? 1) < 0.05 && (luminance.last ?? 0) > 0.7)
    #expect(ColorMap.color(at: -1) == ColorMap.color(at: 0) && ColorMap.color(at: .nan) == ColorMap.color(at: 0))
  }

  @Test("an overlay is brightest where the map is largest")
  func overlay() {
    let gray = RGBImage.filled(width: 8, height: 8, 100)
    var values = [Float](repeating: 0, count: 16)
    values[5] = 2
    let image = gray.overlaid(with: Tensor(values, shape: [1, 4, 4]))
    func brightness(_ x: Int, _ y: Int) -> Int { (0..<3).reduce(0) { $0 + Int(image.pixels[(y * 8 + x) * 3 + $1]) } }
    #expect(brightness(2, 2) > brightness(7, 7))
  }

  @Test("the overlay of a constant or non-finite map has no colors, and is labelled")
  func undefinedOverlays() {
    let gray = RGBImage.filled(width: 128, height: 128, 100)
    let constant = gray.overlaid(with: .ones([1, 4, 4]))
    let notFinite = gray.overlaid(with: Tensor([Float](repeating: .nan, count: 16), shape: [1, 4, 4]))
    for image in [constant, notFinite] {
      let pixels = stride(from: 0, to: image.pixels.count, by: 3).map { Array(image.pixels[$0..<($0 + 3)]) }
      #expect(pixels.allSatisfy { Set($0).count == 1 })
      #expect(Set(pixels).count == 2, "the ground and the letters")
    }
    #expect(constant != notFinite)
  }

  @Test("durations are written in words")
  func durations() {
    #expect([4.4, 75, 3700].map(Progress.duration) == ["4 s", "1 min 15 s", "1 h 1 min"])
  }

  @Test("a resumed log drops events after the step from which it is resumed")
  func metricsLog() throws {
    let folder = ScratchFolder()
    let path = folder.file("m.jsonl")
    let log = try MetricsLog(path, resumingAt: nil)
    for step in 1...4 { try log.add("step", step: step, ["loss": 0.5, "bad": Double.nan]) }
    let resumed = try MetricsLog(path, resumingAt: 2)
    #expect(resumed.holds("step") && !resumed.holds("evaluation"))
    try resumed.add("step", step: 2, ["loss": 0.5])  // already in the log
    try resumed.add("step", step: 3, ["loss": 1.5])
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    #expect(
      lines == [
        #"{"event":"run","software":"metasal","step":0}"#,
        #"{"event":"step","loss":0.5,"step":1}"#, #"{"event":"step","loss":0.5,"step":2}"#,
        #"{"event":"step","loss":1.5,"step":3}"#,
      ])
  }
}
