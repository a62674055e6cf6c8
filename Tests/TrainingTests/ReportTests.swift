import Foundation
import Formats
import Recipes
import TestSupport
import Testing

@testable import Training

/// Reports about folders as runs leave them.
@Suite("Reports") struct ReportTests {
  private let scratch = ScratchFolder()

  /// Writes a run's folder with two evaluations and the given number of steps.
  @discardableResult
  private func run(
    _ name: String, weight: Double = 0.5, steps: Int = 5, evaluations: Int = 2, tail: String = "",
    method: String = "normgrad"
  ) throws -> String {
    let yaml = """
      model: { architecture: plain }
      data:
        train: { scenes: { count: 40, classes: 4 } }
        validation: { scenes: { count: 4, classes: 4, seed: 1 } }
      inner: { rate: 0.02 }
      saliency: { method: normgrad, layers: [features.5] }
      outer:
        - { objective: cross_entropy }
        - { objective: class_sensitivity, weight: \(weight) }
      optimizer: { name: adam, rate: 0.003 }
      evaluation: { images: 4, virtual_rate: 0.02 }
      run: { steps: 5, output: run }
      """
    try scratch.write("\(name)/recipe.yaml", yaml)
    func evaluation(_ step: Int) -> String {
      let cells = ["plain", "virtual"].map {
        #"{"method":"\#(method)","layer":"features.5","weights":"\#($0)","mean":0.\#(9 - step),"std":0.1,"images":4,"undefined":1,"interval":[0.25,0.75]}"#
      }
      return
        #"{"event":"evaluation","step":\#(step),"accuracy":0.75,"cross_entropy":0.5,"images":4,"class_sensitivity":[\#(cells.joined(separator: ","))]}"#
    }
    let lines =
      (evaluations > 0 ? [evaluation(0)] : [])
      + (0..<steps).map { #"{"event":"step","step":\#($0 + 1),"loss":\#(2.0 / Double($0 + 1)),"rate":0.001}"# }
      + (evaluations > 1 ? [evaluation(5)] : [])
    try scratch.write("\(name)/metrics.jsonl", lines.joined(separator: "\n") + "\n" + tail)
    return scratch.file(name)
  }

  private func page(_ folders: String...) throws -> String {
    let path = scratch.file("report.html")
    try Report.write(folders, to: path)
    return try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test("a run's page is self-contained, with its curves, tables before and after, figures and recipe")
  func single() throws {
    let folder = try run("one")
    try Files.makeFolder(folder + "/figures")
    try RGBImage(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6]).writePNG(to: folder + "/figures/0-disk-not-ring.png")
    let page = try page(folder)
    for part in [
      "<!doctype html>", "loss, of each batch", "<polyline", "75.0%", "0.900", "0.400", "0.250 to 0.750", "[1]",
      "data:image/png;base64,", "0-disk-not-ring", "architecture: plain",
    ] { #expect(page.contains(part), "\(part)") }
    for outside in ["http://", "https://", "<script", "src=\"/", "@import", "url("] {
      #expect(!page.contains(outside), "\(outside)")
    }
    // Every HTML element is closed.
    for tag in ["section", "table", "tr", "svg", "figure", "div", "main", "details"] {
      let opened = page.matches(of: try Regex("<\(tag)[ >]")).count
      #expect(opened == page.matches(of: try Regex("</\(tag)>")).count && opened > 0, "\(tag)")
    }
  }

  @Test("values are found under any name of the method", arguments: ["normgrad", "conv1x1/norm"])
  func spelling(method: String) throws {
    let folder = try run("one", method: method)
    let page = try page(folder)
    #expect(page.contains("0.900") && page.contains("0.400") && !page.contains("undefined"))
    let record = try RunRecord(folder)
    #expect(record.evaluated("class_sensitivity", method: .normGrad, layer: "features.5", weights: "plain").count == 2)
    #expect(record.evaluated("class_sensitivity", method: .gradCAM, layer: "features.5", weights: "plain").isEmpty)
  }

  @Test("several runs are shown side by side, with the differences of their recipes")
  func several() throws {
    let page = try page(try run("one"), try run("two", weight: 3))
    #expect(page.contains("2 runs") && page.contains("outer.1.weight"))
    #expect(!page.contains("<td class=word>optimizer.rate</td>"))
  }

  @Test("text from files is escaped, never markup")
  func escaping() throws {
    let page = try page(try run("a<b>&\"c'"))
    #expect(page.contains("a&lt;b&gt;&amp;&quot;c&#39;") && !page.contains("a<b>"))
  }

  @Test("unfinished runs have a page, and damaged lines are counted")
  func unfinished() throws {
    let early = try page(try run("early", steps: 2, evaluations: 0, tail: #"{"event":"st"#))
    #expect(early.contains("2 of 5") && early.contains("1 damaged lines"))
    let folder = try run("bare")
    try FileManager.default.removeItem(atPath: folder + "/metrics.jsonl")
    #expect(try page(folder).contains("0 of 5"))
  }

  @Test("a folder without a run is refused, and no page is written")
  func refusals() throws {
    try Files.makeFolder(scratch.file("empty"))
    #expect(throws: FileError.self) { try page(scratch.file("empty")) }
    #expect(throws: FileError.self) { try page(scratch.file("nowhere")) }
    #expect(!FileManager.default.fileExists(atPath: scratch.file("report.html")))
  }

  @Test(
    "links out of a run's folder are not followed, and the message says so",
    arguments: ["figures/0-disk.png", "metrics.jsonl", "recipe.yaml", "figures"])
  func linksOutside(_ name: String) throws {
    let folder = try run("one")
    try Files.makeFolder(folder + "/figures")
    try RGBImage(width: 1, height: 1, pixels: [1, 2, 3]).writePNG(to: folder + "/figures/0-disk.png")
    #expect(try page(folder).contains("0-disk"))
    unlink(scratch.file("report.html"))
    let (inside, outside) = ("\(folder)/\(name)", scratch.file("outside"))
    try FileManager.default.moveItem(atPath: inside, toPath: outside)
    try FileManager.default.createSymbolicLink(atPath: inside, withDestinationPath: outside)
    let error = #expect(throws: FileError.self) { try page(folder) }
    #expect(error?.file == (name == "figures" ? inside + "/0-disk.png" : inside))
    #expect(error?.message == "a link that leads out of \(folder), which is not followed")
    #expect(!FileManager.default.fileExists(atPath: scratch.file("report.html")))
  }

  @Test("links within a run's folder, and to it, are followed")
  func linksInside() throws {
    let folder = try run("one")
    try Files.makeFolder(folder + "/figures")
    try RGBImage(width: 1, height: 1, pixels: [1, 2, 3]).writePNG(to: folder + "/0-disk.png")
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/figures/0-disk.png", withDestinationPath: "../0-disk.png")
    try FileManager.default.createSymbolicLink(atPath: scratch.file("other"), withDestinationPath: "one")
    for folder in [folder, scratch.file("other")] {
      let page = try page(folder)
      #expect(page.contains("0-disk") && page.contains("0.900"))
    }
  }

  @Test("a page of steps with very many values says how many are not drawn")
  func manyValues() throws {
    let values = (0..<3000).map { "\"v\($0)\":\($0)" }.joined(separator: ",")
    let page = try page(try run("one", tail: "{\"event\":\"step\",\"step\":6,\(values)}\n"))
    // The run's own values come first.
    #expect(page.contains("2902 more values of the steps are not drawn") && page.contains("loss, of each batch"))
    #expect(page.matches(of: #/<figcaption>v\d+, of each batch/#).count == 98)
  }

  @Test("ticks are round numbers that cover the values")
  func ticks() {
    #expect(Chart.ticks(0, 1200) == [0, 500, 1000, 1500])
    #expect(Chart.ticks(0.94, 0.97).count >= 4)
    for (low, high) in [(0.0, 1.0), (-0.51, 0.9), (3, 3), (1e-9, 2e-9), (-5, -4.9)] {
      let ticks = Chart.ticks(low, high)
      #expect((ticks.first ?? 1) <= low + 1e-12 && (ticks.last ?? 0) >= high - 1e-12 && ticks.count < 12)
    }
  }
}
