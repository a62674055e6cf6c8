import Components
import Foundation
import Learning
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Recipes
@testable import Training

@Suite("What is measured and said where objectives are about maps") struct MapGuardTests {
  private let runs = ShortRuns()

  private func names(_ setup: Setup) -> [String] { setup.evaluation.measures.map(\.resultName) }

  @Test("class sensitivity without an objective that says where gets a note, and none beside such an objective")
  func notes() throws {
    let alone = try runs.setup()
    #expect(alone.notes.contains { $0.hasPrefix("class_sensitivity asks only that maps differ") })
    #expect(alone.summary().contains("A low correlation can be had from noise"))
    for outer in [
      "[{ objective: cross_entropy }]",
      "[{ objective: class_sensitivity }, { objective: cell_share, weight: 2 }]",
      "[{ objective: cross_entropy }, { objective: class_sensitivity, weight: 0 }]",
    ] {
      let setup = try runs.setup(["outer=\(outer)", "evaluation.measures=[energy, deletion]"])
      #expect(setup.notes.isEmpty, "\(outer)")
    }
    let off = try runs.setup(["outer=[{ objective: class_sensitivity }, { objective: competition, weight: 0 }]"])
    #expect(off.notes.contains { $0.contains("only that maps differ") })
    let evaluated = try Setup(alone.recipe, trains: false)
    #expect(!evaluated.notes.contains { $0.contains("only that maps differ") })
  }

  @Test("unstated measures of a run with map objectives get localization, the border share and deletion")
  func defaults() throws {
    let setup = try runs.setup()
    #expect(names(setup) == ["class_sensitivity", "energy_all", "border_share", "deletion"])
    #expect(setup.notes.contains { $0.contains("energy_all, border_share, deletion are measured too") })
    // The resolved recipe states them.
    let again = try Setup(try Recipe.parse(setup.recipe.yaml, source: "again"))
    #expect(names(again) == names(setup) && again.recipe.yaml == setup.recipe.yaml)
    let task = try runs.setup(["outer=[{ objective: cross_entropy }]"])
    #expect(names(task) == ["class_sensitivity"])
  }

  @Test("stated measures stay, with a note about what is missing")
  func stated() throws {
    let few = try runs.setup(["evaluation.measures=[class_sensitivity]"])
    #expect(names(few) == ["class_sensitivity"])
    #expect(few.notes.contains { $0.contains("no measure of localization") && $0.contains("deletion") })
    let whole = try runs.setup(["evaluation.measures=[grid_pointing, road]"])
    #expect(!whole.notes.contains { $0.contains("no measure of") })
  }

  @Test("data without objects are measured on grids, as large as they allow")
  func grids() throws {
    let step = try runs.setup().step
    let recipe = Recipe()
    func names(_ classes: Int) -> [String] {
      MapGuards.measures(
        recipe, step, hasObjects: false, hasSeveralObjectClasses: false,
        MeasureConditions(networkClasses: classes, dataClasses: classes, images: 10)
      ).measures.map(\.resultName)
    }
    #expect(names(4) == ["class_sensitivity", "grid_pointing", "border_share", "deletion"])
    #expect(names(3) == ["class_sensitivity", "grid_pointing_1x2", "border_share", "deletion"])
    #expect(names(1) == ["class_sensitivity", "border_share", "deletion"])
  }

  @Test("an evaluation holds several grids, canvases and baselines, in tables, JSON and CSV, and comes back")
  func several() throws {
    let setup = try runs.setup([
      "evaluation.measures=[{ grid_pointing: { side: 2, choose: fixed } }, { grid_pointing: { rows: 1, columns: 2, "
        + "choose: fixed, grids: 2 } }, canvas_pointing, { canvas_pointing: { background: image } }, border_share, "
        + "{ top_k_agreement: { share: 0.1 } }, { energy: { explain: others } }]", "evaluation.images=24",
      "data.validation={ scenes: { count: 24, size: 16, classes: 4, seed: 1 } }", "evaluation.methods=[normgrad]",
    ])
    let names = [
      "grid_pointing_fixed", "grid_pointing_1x2_fixed", "canvas_pointing", "canvas_pointing_on_image", "border_share",
      "top_k_agreement", "energy_others",
    ]
    #expect(self.names(setup) == names)
    #expect(try Recipe.parse(setup.recipe.yaml, source: "again").yaml == setup.recipe.yaml)
    let result = try setup.evaluate(setup.network, title: "")
    let json = try #require(
      try JSONSerialization.jsonObject(with: try setup.evaluation.json(result)) as? [String: Any])
    for name in names { #expect((json[name] as? [[String: Any]])?.count == 4, "\(name)") }
    let ring = try #require(json["border_share_area"] as? [String: Double])
    #expect(ring.count == 2 && ring.values.allSatisfy { $0 > 0 && $0 < 1 })
    let area = try #require(json["canvas_pointing_area"] as? Double)
    #expect(area > 0.05 && area < 0.25)
    let report = setup.evaluation.report([("measured", result)])
    #expect(report.contains("(the ring's share of the area)  features.5") && report.contains("1×2"))
    #expect(setup.evaluation.csv(result).contains("grid_pointing_1x2_fixed,"))
    for setting in setup.evaluation.settings {
      #expect(result.scores["grid_pointing_1x2_fixed"]?[setting]?.values.count == 4)
    }
    // The same composites are measured whatever the network.
    let measures = setup.evaluation.measures.compactMap { $0 as? any CompositeMeasure }
    let other = try setup.evaluate(
      setup.network.with(parameters: setup.network.parameters.map { $0 * 0.5 }), title: "")
    #expect(measures.count == 4)
    for measure in measures { #expect(measure.groups(of: result.items) == measure.groups(of: other.items)) }
  }

  @Test("where there are too few images of different classes for one grid, that is said")
  func tooFew() throws {
    let setup = try runs.setup([
      "evaluation.measures=[{ grid_pointing: { rows: 4, columns: 1, choose: confident } }]", "evaluation.images=4",
    ])
    let result = try setup.evaluate(setup.network, title: "")
    let score = try #require(result.scores["grid_pointing_4x1"]?[setup.evaluation.settings[0]])
    #expect(score.mean == nil && score.reasons == ["too few images of different classes": 1])
    #expect(setup.evaluation.report([("measured", result)]).contains("too few images of different classes"))
  }

  @Test("settings of grids and canvases that contradict each other are refused")
  func refused() {
    func problem(_ measure: String) -> String {
      do {
        _ = try runs.setup(["evaluation.measures=[\(measure)]"])
        return ""
      } catch { return "\(error)" }
    }
    #expect(problem("{ grid_pointing: { side: 2, rows: 3 } }").contains("rows and columns say 3×2"))
    #expect(problem("{ grid_pointing: { rows: 1, columns: 1 } }").contains("at least two"))
    #expect(problem("grid_pointing, { grid_pointing: { grids: 7 } }").contains("'grid_pointing' stands there twice"))
    #expect(problem("{ canvas_pointing: { smallest: 1, largest: 0.5 } }").contains("larger than the largest"))
    #expect(problem("{ canvas_pointing: { images: 5 } }").contains("do not surely fit"))
    #expect(problem("{ canvas_pointing: { images: 4, background: image } }").contains("needs 5 classes"))
    #expect(problem("{ grid_pointing: { rows: 1, columns: 2 } }").isEmpty)
  }
}
