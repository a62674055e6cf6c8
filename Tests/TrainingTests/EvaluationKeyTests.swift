import TestSupport
import Testing

@testable import Training

@Suite("Keys that change evaluation") struct EvaluationKeyTests {
  private static func measure(_ name: String, _ key: String, _ value: String, with settings: String = "") -> KeyCase {
    KeyCase(
      "measure \(name) \(key)", ["evaluation.measures=[{ \(name): { \(settings) } }]"],
      "evaluation.measures=[{ \(name): { \(settings.isEmpty ? "" : settings + ", ")\(key): \(value) } }]")
  }

  static let sections: [KeyCase] = [
    KeyCase("evaluation.images", "evaluation.images=5"),
    KeyCase("evaluation.measures", "evaluation.measures=[deletion]"),
    KeyCase("evaluation.methods", "evaluation.methods=[grad_cam]"),
    KeyCase("evaluation.layers", "evaluation.layers=[features.3]"),
    KeyCase("evaluation.virtual_rate", "evaluation.virtual_rate=0.05"),
    KeyCase("evaluation.precision", ["evaluation.measures=[deletion]"], "evaluation.precision=float32"),
  ]

  static let measures: [KeyCase] = [
    measure("pointing_game", "tolerance", "0"), measure("pointing_game", "explain", "others"),
    measure("energy", "explain", "all"),
    measure("relevance_rank", "explain", "all"),
    measure("grid_pointing", "rows", "1", with: "choose: fixed"),
    measure("grid_pointing", "columns", "1", with: "choose: fixed"),
    KeyCase(
      "measure grid_pointing side", ["evaluation.measures=[{ grid_pointing: { rows: 1, columns: 2 } }]"],
      "evaluation.measures=[{ grid_pointing: { side: 2 } }]"),
    measure("grid_pointing", "grids", "1", with: "choose: fixed"),
    measure("grid_pointing", "choose", "fixed"), measure("grid_pointing", "seed", "3", with: "choose: fixed"),
    measure("insertion", "steps", "3"), measure("deletion", "steps", "3"), measure("road", "shares", "[0.1, 0.7]"),
    measure("road", "noise", "1"), measure("infidelity", "samples", "3"), measure("infidelity", "radius", "0.2"),
    measure("max_sensitivity", "samples", "3"), measure("max_sensitivity", "radius", "0.2"),
    measure("border_share", "explain", "bottom"), measure("canvas_pointing", "background", "image"),
    measure("canvas_pointing", "images", "1"), measure("canvas_pointing", "canvas", "3"),
    measure("canvas_pointing", "smallest", "0.9"), measure("canvas_pointing", "largest", "0.6"),
    measure("canvas_pointing", "canvases", "2"), measure("canvas_pointing", "seed", "3"),
    measure("top_k_agreement", "share", "0.4"), measure("top_k_agreement", "against", "bottom"),
  ]

  @Test("each changes the results", arguments: sections + measures)
  func changes(_ key: KeyCase) throws {
    let (before, after) = try key.setups()
    #expect(
      try before.evaluation.json(before.evaluate(before.network, title: "before"))
        != after.evaluation.json(after.evaluate(after.network, title: "after")))
  }
}
