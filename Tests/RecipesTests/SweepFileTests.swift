import Components
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Recipes

/// A distribution from outside of metasal.
private struct PowerOfTwo: Distribution {
  let name = "power_of_two"
  var most = 1
  mutating func visit(_ keys: Keys) { keys("most", &most, .integer(1...16)) }
  func draw(using random: inout RandomSource) -> String { String(2 << Int(Double(most) * random.uniform())) }
}

@Suite("Sweep files") struct SweepFileTests {
  private let folder = ScratchFolder()

  private func load(_ text: String) throws -> SweepFile {
    try SweepFile.load(try folder.write("s.yaml", text))
  }

  /// The problems of a sweep file, to which a recipe and an output are added.
  private func problems(_ text: String, base: String = "recipe: r.yaml\noutput: out\n") throws -> [String] {
    do {
      _ = try load(base + text)
      return []
    } catch let error as RecipeError {
      return error.problems.map { "\($0)".replacingOccurrences(of: folder.path + "/", with: "") }
    }
  }

  private func values(_ point: SweepPoint, _ seed: Int = 0) -> [String: String] {
    Dictionary(point.changes(seed: seed).map { ($0.key, $0.value.label) }) { $1 }
  }

  @Test("points are all combinations of the list, the grid and the random samples, with names of their values")
  func expansion() throws {
    let sweep = try load(
      """
      recipe: recipes/r.yaml
      output: out
      set: { run.steps: 5 }
      seeds: [3, 4]
      grid: { optimizer.rate: [0.1, 1e-2], outer.1.weight: [1, 3] }
      list:
        - { name: light, outer.2.weight: 2 }
        - { outer.2.weight: 4, run.steps: 9 }
      random: { samples: 3, keys: { data.batch: { integer: [2, 9] } } }
      """)
    #expect(sweep.points.count == 2 * 4 * 3 && sweep.seeds == [3, 4])
    #expect(Set(sweep.points.map(\.name)).count == 24)
    let first = sweep.points[0]
    #expect(first.name.hasPrefix("light_rate=0.1_1.weight=1_batch="), "\(first.name)")
    #expect(first.recipe == folder.file("recipes/r.yaml"))
    #expect(values(first)["run.steps"] == "5" && values(first)["outer.2.weight"] == "2")
    let last = try #require(sweep.points.last)
    #expect(last.name.hasPrefix("2.weight=4_steps=9_rate=1e-2_1.weight=3_batch="), "\(last.name)")
    #expect(values(last)["run.steps"] == "9")
  }

  @Test("a point without values is named by its recipe, and the seed stands wherever a text says {seed}")
  func seeds() throws {
    let sweep = try load(
      """
      recipe: settled.yaml
      output: out
      set: { model.weights: "w-{seed}/{seed}.h5", saliency.layers: [a, "b{seed}"] }
      """)
    #expect(sweep.points.map(\.name) == ["settled"] && sweep.seeds == [0])
    #expect(values(sweep.points[0], 7) == ["model.weights": "w-7/7.h5", "saliency.layers": "a+b7"])
  }

  @Test("points of several recipes have measures of their own, and a sweep file may extend another")
  func recipes() throws {
    try folder.write("base.yaml", "output: out\nmeasure: m.yaml\nseeds: [0, 1]")
    let sweep = try load(
      """
      extends: base.yaml
      list:
        - { recipe: a.yaml }
        - { recipe: b.yaml, measure: [x.yaml, y.yaml], data.batch: 2 }
      """)
    #expect(sweep.points.map(\.name) == ["a", "b_batch=2"] && sweep.seeds == [0, 1])
    #expect(sweep.points[0].measure == [folder.file("m.yaml")])
    #expect(sweep.points[1].measure == [folder.file("x.yaml"), folder.file("y.yaml")])
  }

  @Test("the same seed draws the same values, and more samples or keys leave those before as they are")
  func draws() throws {
    func points(_ samples: Int, seed: Int = 1, _ more: String = "") throws -> [[String: String]] {
      try load(
        """
        recipe: r.yaml
        output: out
        random:
          samples: \(samples)
          seed: \(seed)
          keys: { optimizer.rate: { log_uniform: [1e-5, 1e-1] }, optimizer.name: { choice: [sgd, adam] }\(more) }
        """
      ).points.map { values($0) }
    }
    let many = try points(200)
    #expect(try points(200) == many)
    #expect(try points(5) == Array(many.prefix(5)))
    #expect(try points(5, seed: 2) != Array(many.prefix(5)))
    let more = try points(5, ", data.batch: { integer: [1, 4] }")
    #expect(more.map { $0["optimizer.rate"] } == many.prefix(5).map { $0["optimizer.rate"] })
    let rates = many.compactMap { $0["optimizer.rate"].flatMap(Double.init) }
    #expect(rates.count == 200 && rates.allSatisfy { (1e-5...1e-1).contains($0) })
    // As many in each of four orders of magnitude; of 200 draws 50 each, give or take four standard deviations.
    for power in -5 ..< -1 {
      let share = rates.count { (Double(power)..<Double(power + 1)).contains(log10($0)) }
      #expect((25...75).contains(share), "\(share) of 200 from 1e\(power)")
    }
    #expect(Set(many.compactMap { $0["optimizer.name"] }) == ["sgd", "adam"])
  }

  @Test("draws stay in their ranges, also after rounding, and whole numbers reach both ends")
  func ranges() throws {
    let sweep = try load(
      """
      recipe: r.yaml
      output: out
      random:
        samples: 300
        keys:
          a: { uniform: [0.12345, 0.12355] }
          b: { uniform: { low: -1, high: 2 } }
          c: { integer: [-1, 1] }
          d: { choice: { values: [x, y] } }
          e: { log_uniform: { low: 0.5, high: 0.6 } }
      """)
    let points = sweep.points.map { values($0) }
    func numbers(_ key: String) -> [Double] { points.compactMap { $0[key].flatMap(Double.init) } }
    #expect(numbers("a").allSatisfy { (0.12345...0.12355).contains($0) })
    #expect(numbers("b").allSatisfy { (-1...2).contains($0) } && (numbers("b").max() ?? 0) > 1.5)
    #expect(Set(numbers("c")) == [-1, 0, 1])
    #expect(numbers("e").count == 300 && numbers("e").allSatisfy { (0.5...0.6).contains($0) })
  }

  @Test("a distribution from outside can be named")
  func ownDistribution() throws {
    Registries.distributions.register(PowerOfTwo())
    let sweep = try load(
      "recipe: r.yaml\noutput: out\nrandom: { samples: 4, keys: { data.batch: { power_of_two: { most: 4 } } } }")
    #expect(Set(sweep.points.compactMap { values($0)["data.batch"] }) == ["2", "4", "8", "16"])
  }

  @Test(
    "what is wrong is said with its line, its key and what is expected",
    arguments: [
      ("seeds: []", "s.yaml:3: seeds: expected at least 1, found 0"),
      ("seeds: [1, 1]", "s.yaml:3: seeds: '1' stands there twice"),
      ("seeds: [-1]", "s.yaml:3: seeds.0: expected a whole number from 0 to 9223372036854775807, found '-1'"),
      ("gird: { a: [1] }", "s.yaml:3: gird: unknown key; did you mean 'grid'?"),
      ("grid: { a: 1 }", "s.yaml:3: grid.a: expected a list of values, found '1'"),
      ("grid: { a: [] }", "s.yaml:3: grid.a: expected a list of values, found a list"),
      ("grid: { a: [1, 2, 1] }", "s.yaml:3: grid.a: '1' stands there twice"),
      ("grid: [a]", "s.yaml:3: grid: expected a section of keys, found a list"),
      ("set: 3", "s.yaml:3: set: expected a section of keys, found '3'"),
      ("set:\n  run.seed: 3", "s.yaml:4: set.run.seed: a sweep's seeds stand in its 'seeds'"),
      (
        "grid:\n  run.output: [a, b]",
        "s.yaml:4: grid.run.output: a sweep names the folders itself, below its 'output'"
      ),
      ("set: { a: 1 }\ngrid: { a: [1] }", "s.yaml:4: grid.a: set states this key, too"),
      (
        "grid: { a: [1] }\nrandom: { samples: 1, keys: { a: { uniform: [0, 1] } } }",
        "s.yaml:4: random.keys.a: grid states this key, too"
      ),
      ("list: [{ a: 1 }]\ngrid: { a: [1] }", "s.yaml:4: grid.a: list states this key, too"),
      ("list:\n  - { name: x/y }", "s.yaml:4: list.0.name: expected a name of letters"),
      ("list:\n  - { name: x }\n  - { name: x }", "s.yaml:5: list.1: two points are called 'x'"),
      ("list: [3]", "s.yaml:3: list.0: expected a section of keys, found '3'"),
      ("random: { keys: {} }", "s.yaml:3: random.samples: missing"),
      ("random: { samples: 0, keys: {} }", "expected a whole number from 1 to 10000"),
      ("random: { samples: 1, seed: -1, keys: {} }", "random.seed: expected a whole number"),
      ("random: { samples: 2, keys: { a: { choice: [x] } } }", "random.keys.a.choice: expected at least 2, found 1"),
      ("random: { samples: 2, keys: { a: { choice: [x, x] } } }", "a value stands there twice"),
      (
        "random: { samples: 3, keys: { a: { choice: [x, y] } } }",
        "random.samples: expected no more samples than there are different ones, 2"
      ),
      (
        "random: { samples: 1, keys: { a: { log_unifrom: [1, 2] } } }",
        "found 'log_unifrom'; did you mean 'log_uniform'?"
      ),
      ("random: { samples: 1, keys: { a: { log_uniform: [0, 1] } } }", "(it has a logarithm)"),
      ("random: { samples: 1, keys: { a: { uniform: [2, 1] } } }", "expected two numbers, the lower one first"),
      ("random: { samples: 1, keys: { a: { uniform: [1] } } }", "expected two numbers, the lower one first"),
      ("random: { samples: 1, keys: { a: { integer: { low: 3, high: 3 } } } }", "high: expected more than 'low'"),
      ("random: { samples: 1, keys: { a: { uniform: { low: 3 } } } }", "high: missing"),
      ("random: { samples: 1, keys: { a: uniform } }", "expected settings, as in 'uniform: { … }'"),
      ("at_once: 0", "s.yaml:3: at_once: expected a whole number from 1 to 1024, found '0'"),
      ("halving: { rungs: 3 }", "s.yaml:3: halving.measure: missing"),
      ("halving: { measure: accuracy, rungs: 1 }", "halving.rungs: expected a whole number from 2 to 10"),
      ("halving: { measure: accuracy, factor: 1 }", "halving.factor: expected a whole number from 2 to 10"),
      ("pareto: [accuracy]", "s.yaml:3: pareto: expected two or three measures, found 1"),
      ("pareto: [accuracy, accuracy]", "pareto: 'accuracy' stands there twice"),
      ("pareto: [accuracy, deletion normgrad]", "s.yaml:3: pareto.1: expected a measure such as 'accuracy'"),
      ("pareto: [accuracy, deletion normgard layer2]", "found 'deletion normgard layer2'"),
      ("columns: []", "s.yaml:3: columns: expected at least 1, found 0"),
      (
        "list: [{ name: control }]\nbaseline: contrl",
        "s.yaml:4: baseline: no point is called 'contrl'; did you mean 'control'?"
      ),
      ("measure: [a.yaml, a.yaml]", "measure: '"),
      (
        "grid: { a: [1, 2, 3], b: [1, 2, 3] }\nrandom: { samples: 5000, keys: { c: { uniform: [0, 1] } } }",
        "more than 10000 runs: 45000"
      ),
    ])
  func errors(_ text: String, _ message: String) throws {
    let problems = try problems(text)
    #expect(problems.contains { $0.contains(message) }, "\(problems)")
  }

  @Test("what every sweep needs is asked for")
  func missing() throws {
    #expect(try problems("recipe: r.yaml", base: "") == ["s.yaml:1: output: missing"])
    #expect(
      try problems("output: out\nlist: [{ name: a }]", base: "")
        == ["s.yaml:2: list.0: missing: the path of a recipe"])
    #expect(try problems("", base: "") == ["s.yaml:1: expected keys such as 'recipe:' and 'grid:', found nothing"])
    let error = #expect(throws: RecipeError.self) { try SweepFile.load(folder.file("none.yaml")) }
    #expect(error?.isMissingFile == true && "\(error as Any)".contains("no such sweep file"))
  }

  @Test("a measure of maps is named with its method and layer, and with its weights if they are virtual")
  func references() {
    for text in ["accuracy", "deletion normgrad layer2", "deletion normgrad layer2 virtual"] {
      #expect(MeasureReference(parsing: text)?.description == text)
    }
    #expect(MeasureReference(parsing: "deletion normgrad layer2 plain")?.description == "deletion normgrad layer2")
    // Names of one method mean the same.
    #expect(
      MeasureReference(parsing: "deletion conv1x1/norm layer2") == MeasureReference(parsing: "deletion normgrad layer2")
    )
    for text in ["", "a b", "a normgrad b c", "a normgrad b plain d"] {
      #expect(MeasureReference(parsing: text) == nil, "\(text)")
    }
  }

  @Test("a long name is cut and ends with the number of its point")
  func longNames() throws {
    let text = String(repeating: "ü/", count: 100)
    let sweep = try load("recipe: r.yaml\noutput: out\ngrid: { a: [1, \(text)] }")
    let name = sweep.points[1].name
    #expect(name.utf8.count <= 120 && name.hasPrefix("a=ü-ü-") && name.hasSuffix("-1"), "\(name)")
  }
}
