import Datasets
import Formats
import Foundation
import Saliency
import TestSupport
import Testing

@testable import Recipes
@testable import Training

/// Data sets that are easily read wrongly, evaluated as a user does, with the network
/// `checkpoints/plain-scenes.safetensors`.
@Suite("Data sets read through recipes") struct DataCaseTests {
  private static let weights = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../checkpoints/plain-scenes.safetensors").standardized.path

  /// A setup whose training and validation sets are `source`, written as in a recipe.
  private func setup(_ source: String, classes: Int = 8, weights: String? = weights) throws -> Setup {
    let yaml = """
      model: { architecture: plain, classes: \(classes)\(weights.map { ", weights: \($0)" } ?? "") }
      data: { train: { \(source) }, validation: { \(source) }, batch: 1 }
      saliency: { method: normgrad, layers: [features.8] }
      outer: [{ objective: cross_entropy }]
      optimizer: { name: sgd, rate: 0.001 }
      evaluation: { measures: [{ pointing_game: { tolerance: 0 } }, energy, content_heatmap] }
      run: { steps: 1, output: run }
      """
    return try Setup(Recipe.parse(yaml, source: "recipe"))
  }

  private func values(_ setup: Setup) throws -> [String: Double] {
    let result = try setup.evaluate(setup.network, title: "")
    return result.scores.compactMapValues { $0.values.first?.mean }
  }

  private func edges(_ setup: Setup) throws -> [[Int]] {
    try setup.validation.dataset.sample(at: 0).objects.map {
      [$0.columns.lowerBound, $0.rows.lowerBound, $0.columns.upperBound, $0.rows.upperBound]
    }
  }

  @Test(
    "boxes drawn on stored pixels, or before the image was resized, are where the object is",
    arguments: [
      ("coco: { annotations: F/askew.json, images: F/images }", 8, [26, 48, 36, 60], 0.0508),
      ("voc: { folder: F/voc, split: r2 }", 20, [26, 48, 36, 60], 0.0508),
      ("coco: { annotations: F/resized.json, images: F/images }", 8, [20, 20, 28, 28], 0.0766),
      ("voc: { folder: F/voc, split: r1 }", 20, [20, 20, 28, 28], 0.0766),
    ])
  func askew(_ source: String, _ classes: Int, _ box: [Int], _ energy: Double) throws {
    let source = source.replacing("F/", with: fixture("askew") + "/")
    // VOC has more classes than the network, so only boxes are compared there, not maps.
    let own = try setup(source, classes: classes, weights: classes == 8 ? Self.weights : nil)
    #expect(try edges(own) == [box])
    guard classes == 8 else { return }
    let found = try #require(try values(own)["energy"])
    #expect(abs(found - energy) < 0.00005)
  }

  @Test("a region is the union of all objects of the class: masks, or boxes of objects without a mask")
  func mixed() throws {
    let own = try setup("coco: { annotations: \(fixture("mixed/mixed.json")), images: \(fixture("mixed/images")) }")
    let found = try values(own)
    #expect(found["pointing_game"] == 1)
    // The masks are the same as the boxes, so both measures use the same pixels.
    let (energy, content) = (try #require(found["energy"]), try #require(found["content_heatmap"]))
    #expect(energy == content && energy > 0)
  }

  @Test("every localization measure uses the mask of an object, or else its box")
  func regions() throws {
    let own = try setup("scenes: { count: 2, size: 32 }")
    let batch = try own.validation.batch([0])
    func object(_ columns: Range<Int>, _ rows: Range<Int>, _ covers: ((Int, Int) -> Bool)?) -> Sample.Object {
      let mask = covers.map { covers in
        (0..<1024).map { columns.contains($0 % 32) && rows.contains($0 / 32) && covers($0 % 32, $0 / 32) }
      }
      return Sample.Object(label: batch.labels[0], columns: columns, rows: rows, mask: mask)
    }
    func half(_ x: Int, _ y: Int) -> Bool { x - 2 >= y - 3 }
    let (masked, boxed) = (object(2..<12, 3..<13, half), object(20..<30, 18..<22, nil))
    let whole = object(20..<30, 18..<22) { _, _ in true }
    func values(_ objects: [Sample.Object]) -> ([Double?], coverage: Double?) {
      let evaluation = own.evaluation
      let image = evaluation.image(
        batch.images, of: evaluation.prepared(own.network), label: batch.labels[0], labels: batch.labels,
        objects: objects, index: 0)
      let result = evaluation.result(of: image)
      return (
        ["pointing_game", "energy", "content_heatmap"].map { measure in
          zip(evaluation.columns, result.values).first { $0.0.measure.name == measure }?.1.number
        }, result.item.coverage
      )
    }
    let (both, masks) = (values([masked, boxed]), values([masked, whole]))
    #expect(both.0 == masks.0 && both.coverage == masks.coverage && both.coverage == (55 + 40) / 1024.0)
    #expect(both.0[1] == both.0[2] && both.0[1] != values([masked]).0[1] && both.0[1] != values([boxed]).0[1])
    #expect(values([boxed]).0[2] == nil && values([boxed]).0[1] != nil && values([]).0 == [nil, nil, nil])
  }

  @Test(
    "every recipe of the shared data cases is valid, and reports what is left out",
    .enabled(if: Shared.exists("cases"), "../shared/cases is not there"),
    arguments: [
      ("06/askew", 1, nil), ("06/r1", 1, nil), ("06/resized", 1, nil), ("06/r2", 1, nil),
      ("07/plain", 2, nil), ("07/outside", 2, "objects outside their image, left out: 1"),
      ("07/outside_box", 1, "objects outside their image, left out: 1"),
      ("07/two_points", 2, "parts of outlines that are no polygons, left out: 1"), ("07/string_image_id", 2, nil),
      ("07/nan_area", 2, nil), ("07/no_bbox", 2, nil), ("07/backslash", 2, nil), ("08/cars4", 1, nil),
      ("08/cars5", 1, nil),
      ("08/tab", 1, nil), ("08/bom", 1, nil), ("10/quoted_newline", 2, nil), ("10/retinanet", 3, nil),
      ("11/column", nil, nil),
      ("11/names", nil, nil), ("11/names_crlf", nil, nil), ("12/list", 12, nil), ("22/mixed", 1, nil), ("24/r", 4, nil),
    ] as [(String, Int?, String?)])
  func cases(_ name: String, _ images: Int?, _ remark: String?) throws {
    let setup = try Setup(Recipe.load(Shared.path("cases/\(name).yaml")))
    let result = try setup.evaluate(setup.network, title: "")
    #expect(images == nil || result.images == images)
    if name.hasPrefix("12/") { #expect(result.accuracy == 1) }
    if name.hasPrefix("11/names") { #expect(setup.classNames == ["cat", "dog"]) }
    let said = setup.notes + [setup.findings].compactMap(\.self)
    #expect(said.contains { $0.contains("left out") } == (remark != nil))
    if let remark { #expect(said.contains { $0.contains(remark) }, "\(said)") }
  }
}
