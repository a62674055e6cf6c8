import Components
import Foundation
import Formats
import Recipes
import TestSupport
import Testing

@testable import Training

/// Statistics, tables and pages of sweeps, without making their runs.
@Suite("Sweeps") struct SweepTests {
  private let folder = ScratchFolder()

  @Test("the interval over seeds is Student's, with the quantiles of printed tables")
  func intervals() throws {
    // Abramowitz and Stegun 1964, table 26.10, for 95%.
    let table = [1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 30: 2.042, 120: 1.980]
    for (degrees, quantile) in table { #expect(abs(Estimate.student(degrees: degrees) - quantile) < 6e-4) }
    let estimate = try #require(Estimate([1, 2, 3]))
    #expect(estimate.mean == 2 && estimate.count == 3)
    #expect(abs((estimate.halfWidth ?? 0) - 4.302653 / 3.0.squareRoot()) < 1e-5)
    #expect(Estimate([5]) == Estimate([5]) && Estimate([5])?.halfWidth == nil)
    #expect(Estimate([]) == nil)
  }

  @Test("the front of two measures is what no other point surpasses, in each direction")
  func front() {
    let points: [[Double]] = [[1, 1], [2, 3], [3, 2], [2, 2], [3, 2]]
    #expect(ParetoFront.indices(of: points, isHigherBetter: [true, true]) == [1, 2, 4])
    #expect(ParetoFront.indices(of: points, isHigherBetter: [false, false]) == [0])
    #expect(ParetoFront.indices(of: points, isHigherBetter: [true, false]) == [0, 2, 4])
    #expect(ParetoFront.indices(of: points, isHigherBetter: [false, true]) == [0, 1])
    #expect(ParetoFront.indices(of: [], isHigherBetter: [true, true]).isEmpty)
  }

  @Test("the front of three measures has points that are best in any mixture of them")
  func frontOfThree() {
    let points: [[Double]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5], [0.4, 0.5, 0.5], [1, 0, -1]]
    #expect(ParetoFront.indices(of: points, isHigherBetter: [true, true, true]) == [0, 1, 2, 3])
    #expect(ParetoFront.indices(of: points, isHigherBetter: [true, true, false]) == [1, 3, 5])
  }

  @Test(
    "the sweeps that ship are sound",
    arguments: [
      ("scenes-sweep", 8), ("study/settled-sweep", 3), ("study/study-sweep", 69), ("study/scenes-start-sweep", 3),
      ("study/scenes-sweep", 9),
    ])
  func shipped(_ name: String, _ count: Int) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").standardized
    #expect(try SweepPlan(root.appendingPathComponent("Recipes/\(name).yaml").path).runs.count == count)
  }

  // MARK: - Records made by hand

  private static let recipe = """
    # A comment of the recipe.
    model: { architecture: plain }
    data:
      train: { scenes: { count: 20, size: 16, classes: 4 } }
      validation: { scenes: { count: 6, size: 16, classes: 4, seed: 1 } }
    saliency: { method: normgrad, layers: [features.5] }
    outer: [{ objective: cross_entropy }]
    optimizer: { name: adam, rate: 0.003 }
    evaluation: { images: 6, measures: [accuracy, deletion, border_share], figures: 0 }
    run: { steps: 9, output: unused }
    """

  /// A sweep of three rates and two seeds.
  private func plan(_ more: String = "", recipe: String = recipe) throws -> SweepPlan {
    try folder.write("r.yaml", recipe)
    return try SweepPlan(
      try folder.write(
        "s.yaml",
        """
        recipe: r.yaml
        output: \(folder.file("out"))
        seeds: [0, 1]
        grid: { optimizer.rate: [0.1, 0.2, 0.3] }
        pareto: [accuracy, deletion normgrad features.5]

        """ + more))
  }

  /// Leaves what a finished run leaves.
  private func finish(_ run: SweepRun, accuracy: Double, deletion: Double?, undefined: Int = 0) throws {
    try run.prepare(isReplaced: false)
    var map: [String: Any] = ["method": "normgrad", "layer": "features.5", "weights": "plain", "undefined": undefined]
    map["mean"] = deletion
    try SweepRecord(trained: ["accuracy": accuracy, "deletion": [map]]).write(to: run.record, keeping: [])
  }

  private func finishAll(_ plan: SweepPlan) throws {
    for run in plan.runs {
      let point = Double(run.point)
      try finish(
        run, accuracy: 0.9 - 0.1 * point + 0.02 * Double(run.seed), deletion: run.point == 1 ? 0.6 : 0.5 - 0.1 * point)
    }
  }

  @Test("tables have means, intervals and the front, and the page is complete and self-contained")
  func tables() throws {
    let plan = try plan("baseline: rate=0.1")
    try finishAll(plan)
    let results = try SweepResults(plan)
    #expect(results.front == [0, 2])
    try results.write()
    let text = results.text()
    // 12.706 × 0.02 / 2 of accuracy.
    #expect(text.contains("rate=0.1   2/2    91.0 ± 12.7") && text.contains("0.300 ± 0.000"), "\(text)")
    #expect(text.contains("-20.0 ± 0.0"))
    let csv = try String(contentsOfFile: plan.csv, encoding: .utf8).split(separator: "\n")
    #expect(csv[0] == "measure,method,layer,weights,point,rung,mean,half_width,runs,front")
    #expect(csv.contains { $0.hasPrefix("deletion,normgrad,features.5,plain,rate=0.3,,0.3") && $0.hasSuffix(",2,1") })
    #expect(csv.contains { $0.hasPrefix("accuracy,,,,rate=0.2,,0.81") && $0.hasSuffix(",2,0") }, "\(csv)")
    let page = try String(contentsOfFile: plan.page, encoding: .utf8)
    for part in ["<svg class=front", "href=\"rate=0.1_seed=0/\"", "Pareto front", "deletion", "91.0"] {
      #expect(page.contains(part), "\(part)")
    }
    for outside in ["http://", "https://", "<script", "src=\"/", "@import", "url("] { #expect(!page.contains(outside)) }
    for tag in ["section", "table", "tr", "svg", "div", "main", "details", "g", "text"] {
      let opened = page.matches(of: try Regex("<\(tag)[ >]")).count
      #expect(opened == page.matches(of: try Regex("</\(tag)>")).count && opened > 0, "\(tag)")
    }
    // The files are metasal's own, and are replaced.
    try results.write()
    for file in plan.outputs { #expect(Ownership.isOwn(file), "\(file)") }
    #expect(try Formats.XMLElement.read(plan.front).name == "svg")
  }

  @Test("a run that is not finished is named with its error, and missing values are said")
  func gaps() throws {
    let plan = try plan()
    try finish(plan.runs[0], accuracy: 0.5, deletion: nil, undefined: 6)
    try finish(plan.runs[2], accuracy: 0.5, deletion: 0.25, undefined: 2)
    try plan.runs[3].prepare(isReplaced: false)
    try Data((Ownership.logHead + "\n$ metasal train\nmetasal: step 3: the gradient is not finite\n").utf8)
      .write(to: URL(fileURLWithPath: plan.runs[3].log))
    let results = try SweepResults(plan)
    #expect(results.rows.count == 2 && results.front == [1])
    let text = results.text()
    #expect(text.contains("0.250*") && text.contains("–*") && text.contains("some images have no value"), "\(text)")
    #expect(text.contains("rate=0.2_seed=1: step 3: the gradient is not finite"), "\(text)")
  }

  @Test("a finished run stays finished where only settings without effect differ, and is another's where others do")
  func states() throws {
    let first = try plan()
    try finishAll(first)
    func words(_ plan: SweepPlan) throws -> [String] {
      try plan.runs.map {
        switch try $0.state() {
        case .new: "new"
        case .begun: "begun"
        case .trained: "trained"
        case .finished: "finished"
        case .other(let changes): changes.joined()
        }
      }
    }
    #expect(try words(first) == Array(repeating: "finished", count: 6))
    #expect(
      try words(try plan("set: { run.workers: 3, run.checkpoint_every: 4, data.workers: 2 }")).allSatisfy {
        $0 == "finished"
      })
    #expect(try words(try plan("set: { run.steps: 10 }")).allSatisfy { $0 == "run.steps: 9 → 10" })
    // Another recipe to measure by repeats the measuring alone.
    try folder.write("m.yaml", Self.recipe)
    #expect(try words(try plan("measure: m.yaml")).allSatisfy { $0 == "trained" })
    unlink(first.runs[0].plan)
    #expect(try words(first)[0] == "new")
    try Data("x".utf8).write(to: URL(fileURLWithPath: first.runs[0].folder.metrics))
    #expect(try words(first)[0] == "it was not made by a sweep")
  }

  @Test("of a rung the best points go on, as many as the factor says; those with failed runs do not")
  func survivors() throws {
    let plan = try plan("halving: { measure: deletion normgrad features.5, rungs: 2, factor: 2 }")
    #expect(
      plan.runs.count == 12
        && plan.runs.map(\.recipe.run.steps) == Array(repeating: 5, count: 6) + Array(repeating: 9, count: 6))
    for run in plan.runs.prefix(6) {
      try finish(run, accuracy: 0, deletion: [0.3, 0.1, 0.2][run.point] + 0.01 * Double(run.seed))
    }
    // Lower is better of deletion.
    #expect(try plan.survivors(of: 0, among: [0, 1, 2]) == [1, 2])
    #expect(try plan.survivors(of: 0, among: [0, 2]) == [2])
    unlink(plan.runs[2].record)
    #expect(try plan.survivors(of: 0, among: [0, 1, 2]) == [0, 2])
    #expect(plan.file.halving?.survivors(of: 7) == 4)
    // A longer rung stands first, and is compared alone.
    try finish(plan.runs[10], accuracy: 0, deletion: 0.2)
    let results = try SweepResults(plan)
    #expect(results.rows.map(\.rung) == [1, 0, 0] && results.front == [0])
  }

  @Test(
    "measures that no run has are found before the first run",
    arguments: [
      ("columns: [acuracy]", "columns: no run is measured by 'acuracy', but by accuracy, top_five_accuracy"),
      ("columns: [energy normgrad features.5]", "no run is measured by 'energy', but by deletion, border_share"),
      ("columns: [deletions normgrad features.5]", "did you mean 'deletion'?"),
      ("columns: [deletion]", "'deletion' is about maps; state a method and a layer, too"),
      ("columns: [deletion normgrad features.55]", "its method, layer and weights are not evaluated"),
      ("columns: [deletion grad_cam features.5]", "its method, layer and weights are not evaluated"),
      ("columns: [deletion normgrad features.5 virtual]", "its method, layer and weights are not evaluated"),
      ("set: { optimizer.rat: 3 }", "optimizer.rat: unknown key; did you mean 'rate'?"),
      ("set:\n  outer.4.weight: 3", "s.yaml:7: outer.4.weight: '4' is no index of a list of 1"),
      ("set: { data.batch: none }", "data.batch: expected a whole number from 1 to 65536, found 'none'"),
      ("measure: none.yaml", "none.yaml: no such recipe"),
    ])
  func misnamed(_ text: String, _ message: String) throws {
    let error = #expect(throws: RecipeError.self) { try plan(text) }
    #expect("\(error as Any)".contains(message), "\(error as Any)")
    // A problem of many points is said once.
    #expect(error?.problems.count == 1)
  }

  @Test("a measure without a better direction has no front")
  func directions() throws {
    let text = Self.recipe.replacingOccurrences(of: "border_share]", with: "sparseness]")
    #expect(throws: Never.self) { try plan("columns: [sparseness normgrad features.5]", recipe: text) }
    let error = #expect(throws: RecipeError.self) {
      try plan("halving: { measure: sparseness normgrad features.5 }", recipe: text)
    }
    #expect("\(error as Any)".contains("halving.measure: neither higher nor lower values of 'sparseness' are better"))
  }

  @Test("the drawing of three measures shows the third by size, and says so")
  func threeMeasures() throws {
    try folder.write("r.yaml", Self.recipe)
    let plan = try SweepPlan(
      try folder.write(
        "t.yaml",
        """
        recipe: r.yaml
        output: \(folder.file("three"))
        grid: { optimizer.rate: [0.1, 0.2] }
        pareto: [accuracy, deletion normgrad features.5, cross_entropy]
        """))
    for run in plan.runs {
      try run.prepare(isReplaced: false)
      let map: [String: Any] = [
        "method": "normgrad", "layer": "features.5", "weights": "plain", "mean": 0.1 * Double(run.point),
      ]
      try SweepRecord(trained: ["accuracy": 0.5, "cross_entropy": Double(run.point), "deletion": [map]])
        .write(to: run.record, keeping: [])
    }
    let drawing = try #require(FrontDrawing(try SweepResults(plan)))
    #expect(drawing.html.contains("r=\"3.5\"") && drawing.html.contains("r=\"9.0\""))
    #expect(drawing.html.contains("cross-entropy\u{a0}↓: 0.000") && !drawing.html.contains("class=\"edge\""))
  }
}
