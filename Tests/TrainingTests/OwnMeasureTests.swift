import Components
import Foundation
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Recipes
@testable import Training

/// A measure that uses every option of the protocol: how often a map's largest value is in the upper part of the image.
private struct Upward: Measure {
  let name = "upward"
  let explanation = "Upward: how often the largest value lies in the upper part of the image."
  let isHigherBetter: Bool? = false
  let isPercent = true
  var share = 0.5

  mutating func visit(_ keys: Keys) { keys("share", &share, .share) }

  func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    let map = image.map(of: image.label, at: setting)
    return .defined(Double(map.peak.y) < share * Double(map.height) ? 1 : 0)
  }

  func obstacle(_ conditions: MeasureConditions) -> String? {
    conditions.images > 1000 ? "is for few images" : nil
  }

  var columns: [MeasureColumn] { [.byClass, .images("even", key: "even") { $0.label % 2 == 0 }] }

  func baselines(at layers: [String]) -> [MeasureBaseline] {
    [MeasureBaseline("chance", key: "chance") { [share] _ in .defined(share) }]
  }
}

/// A measure of composite images made of two images, one above the other.
private struct Stacked: CompositeMeasure {
  let name = "stacked"
  let explanation = "Stacked: the positive saliency of a class in the upper one of two images."
  let isHigherBetter: Bool? = nil

  func groups(of items: [MeasuredItem]) -> [[Int]] {
    stride(from: 0, to: items.count - 1, by: 2).map { [$0, $0 + 1] }
  }
  func composed(_ images: [Tensor], of items: [MeasuredItem]) -> CompositeImage {
    CompositeImage(.concatenated(images, axis: 1))
  }
  func values(ofComposite image: EvaluatedImage, at setting: MapSetting) -> [Score.Value] {
    let map = image.map(of: image.labels[0], at: setting)
    return [map.energy(in: Region(width: map.width, height: map.height, boxes: [(0..<map.width, 0..<map.height / 2)]))]
  }
}

@Suite("Custom measures") struct OwnMeasureTests {
  private static let isRegistered: Bool = {
    Registries.measures.register(Upward())
    Registries.measures.register(Stacked())
    return true
  }()

  init() { #expect(Self.isRegistered) }

  @Test("a registered measure is named in a recipe with its settings, computed, and written to tables, CSV and JSON")
  func own() throws {
    let setup = try ShortRuns().setup(["evaluation.measures=[accuracy, { upward: { share: 1 } }, stacked]"])
    #expect((setup.recipe.evaluation.measures.first as? Upward)?.share == 1)
    let again = try Recipe.parse(setup.recipe.yaml, source: "again")
    #expect(again.changes(since: setup.recipe).isEmpty && (again.evaluation.measures.first as? Upward)?.share == 1)
    let result = try setup.evaluate(setup.network, title: "")
    for setting in setup.evaluation.settings {
      #expect(result.scores["upward"]?[setting]?.values == Array(repeating: .defined(1), count: 6))
      #expect(result.scores["stacked"]?[setting]?.values.count == 3)
    }
    let report = setup.evaluation.report([("measured", result)])
    #expect(report.contains("upper part of the image. Lower is better.") && report.contains("(chance)"))
    #expect(report.contains("by class") && report.contains("even") && report.contains("Stacked"))
    let csv = setup.evaluation.csv(result).split(separator: "\n")
    #expect(csv.count { $0.hasPrefix("upward,") } == 8 && csv.count { $0.hasPrefix("stacked,") } == 8)
    let json = try #require(
      try JSONSerialization.jsonObject(with: try setup.evaluation.json(result)) as? [String: Any])
    let first = try #require((json["upward"] as? [[String: Any]])?.first)
    #expect(first["mean"] as? Double == 1 && first["mean_by_class"] as? Double == 1 && json["chance"] as? Double == 1)
  }

  @Test("a repeated measure is refused, whatever its settings; accuracy may be the only one; wrong names get hints")
  func list() throws {
    func problem(_ measures: String) -> String {
      do {
        _ = try ShortRuns().setup(["evaluation.measures=\(measures)"])
        return ""
      } catch { return "\(error)" }
    }
    #expect(problem("[upward, { upward: { share: 0.2 } }]").contains("'upward' stands there twice"))
    #expect(problem("[accuracy, accuracy]").contains("'accuracy' stands there twice"))
    #expect(problem("[upwards]").contains("did you mean 'upward'?") && problem("[none]").contains("one of accuracy, "))
    #expect(problem("[{ upward: { shares: 1 } }]").contains("did you mean 'share'?"))
    let alone = try ShortRuns().setup(["evaluation.measures=accuracy"])
    #expect(alone.evaluation.measures.isEmpty && alone.recipe.yaml.contains("measures: [accuracy]"))
  }
}
