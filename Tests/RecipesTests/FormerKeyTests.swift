import Components
import Testing

@testable import Recipes

@Suite("Former keys") struct FormerKeyTests {
  private func replaced(_ yaml: String) throws -> Entry { FormerKeys.replaced(in: try Entry(yaml: yaml, "test")) }

  @Test(
    "a recipe with former keys means the same as one with present keys",
    arguments: [
      (
        "data: { normalization: { mean: [0, 0, 0], deviation: [1, 1, 1] } }",
        "data: { normalization: { mean: [0, 0, 0], std: [1, 1, 1] } }"
      ),
      ("evaluation: { images: 3, pictures: 2 }", "evaluation: { images: 3, figures: 2 }"),
      (
        "evaluation: { pointing_tolerance: 0, measures: [accuracy, pointing_game, energy] }",
        "evaluation: { measures: [accuracy, { pointing_game: { tolerance: 0 } }, energy] }"
      ),
      (
        "evaluation: { deletion_steps: 4, measures: [deletion, insertion] }",
        "evaluation: { measures: [{ deletion: { steps: 4 } }, { insertion: { steps: 4 } }] }"
      ),
      (
        "evaluation: { grid_side: 3, measures: grid_pointing }",
        "evaluation: { measures: { grid_pointing: { side: 3 } } }"
      ),
      // Without grid pointing among the measures, its former setting has no effect.
      ("evaluation: { grid_side: 3, images: 3 }", "evaluation: { images: 3 }"),
    ])
  func same(_ former: String, _ present: String) throws {
    #expect(try replaced(former) == Entry(yaml: present, "test"))
    #expect(try replaced(present) == Entry(yaml: present, "test"))
  }

  @Test("if a former and a present key are both stated, both are kept")
  func both() throws {
    let both = "evaluation: { pictures: 1, figures: 2 }"
    #expect(try replaced(both) == Entry(yaml: both, "test"))
  }
}
