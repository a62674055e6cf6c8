import Foundation
import TestSupport
import Testing

@testable import Training

@Suite("The learning-rate range test") struct RangeTestTests {
  @Test(
    "the loss is smoothed as by PyTorch Lightning, and the steepest fall is found, without the first and last steps")
  func suggestion() {
    var test = RangeTest()
    // The first steps fall most steeply and do not count; after them the loss falls at one step only.
    let losses = (0..<40).map { $0 < 5 ? 10 - Double($0) : $0 < 25 ? 5 : 2.0 }
    for (step, loss) in losses.enumerated() {
      let goesOn = test.add(loss, at: pow(10, Double(step) / 10 - 4))
      #expect(goesOn)
    }
    let second = (0.98 * 0.02 * 10 + 0.02 * 9) / (1 - 0.98 * 0.98)
    #expect(abs(test.points[0].smoothed - 10) < 1e-12 && abs(test.points[1].smoothed - second) < 1e-12)
    let smoothed = test.points.map(\.smoothed)
    let slopes = (11..<38).map { (smoothed[$0 + 1] - smoothed[$0 - 1]) / 2 }
    let steepest = 11 + (slopes.indices.min { slopes[$0] < slopes[$1] } ?? 0)
    #expect(test.suggestion == test.points[steepest].rate)
  }

  @Test("it ends when the loss has risen to four times its minimum, and suggests nothing where the loss falls nowhere")
  func ends() {
    var test = RangeTest()
    var isGoing = true
    for step in 0..<200 where isGoing { isGoing = test.add(step < 20 ? 1 : 1000, at: Double(step + 1)) }
    #expect(!isGoing && test.points.count < 30)
    var flat = RangeTest()
    for step in 0..<30 { _ = flat.add(1, at: Double(step + 1)) }
    #expect(flat.suggestion == nil && RangeTest().suggestion == nil)
    var negative = RangeTest()
    for step in 0..<20 {
      let goesOn = negative.add(-1 - Double(step), at: Double(step + 1))
      #expect(goesOn)
    }
  }

  @Test("it trains with rising rates until the loss is lost, and writes a page with the plot")
  func run() throws {
    let runs = ShortRuns()
    let setup = try runs.setup()
    let test = try RangeTest.run(setup, rates: 1e-5...100, steps: 40)
    #expect(test.points.count > 12 && test.points[0].rate == 1e-5)
    #expect(zip(test.points, test.points.dropFirst()).allSatisfy { $0.rate < $1.rate })
    let path = runs.folder.file("lr.html")
    try test.write(to: path, of: "r<ecipe")
    let page = try String(contentsOfFile: path, encoding: .utf8)
    #expect(page.contains("r&lt;ecipe") && page.contains("<polyline") && page.contains(">0.001<"))
  }
}
