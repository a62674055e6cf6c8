import Components
import Formats
import Foundation
import Recipes

/// The numbers of a sweep's finished runs, point by point.
struct SweepResults {
  let plan: SweepPlan
  /// The points of which a run is finished. Of a sweep that halves, each is shown by its runs of its last rung; those that
  /// came further stand first.
  private(set) var rows: [Row] = []
  /// The runs that are begun and not finished, with the last error that they reported.
  private(set) var unfinished: [(run: SweepRun, message: String?)] = []

  /// A point with its finished runs.
  struct Row {
    let point: SweepPoint
    let rung: Int?
    /// The finished runs by their order of seeds, with their numbers.
    let runs: [(run: SweepRun, values: SweepValues)]

    /// The mean of a measure over the seeds; nil if no run has it.
    func estimate(_ reference: MeasureReference) -> Estimate? { Estimate(runs.compactMap { $0.values[reference] }) }

    /// Whether some images of a run have no value.
    func hasGaps(_ reference: MeasureReference) -> Bool { runs.contains { $0.values.gaps.contains(reference) } }

    /// The mean difference to another point, between runs of the same seed.
    func difference(to other: Row, _ reference: MeasureReference) -> Estimate? {
      Estimate(
        runs.compactMap { own in
          guard let value = own.values[reference],
            let base = other.runs.first(where: { $0.run.seed == own.run.seed })?.values[reference]
          else { return nil }
          return value - base
        })
    }
  }

  /// Reads the numbers of all finished runs.
  ///
  /// - Throws: a `FileError` if a file cannot be read.
  init(_ plan: SweepPlan) throws {
    self.plan = plan
    var finished: [Int: [(run: SweepRun, values: SweepValues)]] = [:]
    for run in plan.runs {
      if let values = try SweepValues(run) {
        // Later rungs come later.
        if let rung = run.rung, finished[run.point]?.first?.run.rung ?? rung < rung { finished[run.point] = [] }
        finished[run.point, default: []].append((run, values))
        continue
      }
      switch try run.state() {
      case .begun, .trained: unfinished.append((run, run.lastMessage))
      default: break
      }
    }
    rows = plan.file.points.indices.compactMap { index in
      finished[index].map { Row(point: plan.file.points[index], rung: $0.first?.run.rung, runs: $0) }
    }
    let order = rows.indices.sorted { ((rows[$1].rung ?? 0), $0) < ((rows[$0].rung ?? 0), $1) }
    rows = order.map { rows[$0] }
  }

  /// Whether a row's runs are as long as those of all others that are compared: those of the last rung.
  func isComparable(_ row: Row) -> Bool { row.rung == rows.first?.rung }

  /// The row of the sweep's baseline.
  var baseline: Row? { rows.first(where: isBaseline) }

  /// Whether a row is the baseline itself.
  func isBaseline(_ row: Row) -> Bool { row.point.name == plan.file.baseline }

  /// Everything that was measured, in the order of the evaluations.
  var references: [MeasureReference] {
    var seen = Set<MeasureReference>()
    return rows.flatMap { $0.runs.flatMap(\.values.order) }.filter { seen.insert($0).inserted }
  }

  /// The measures of the main table: those that the sweep file names, or else the accuracy, those that points are chosen
  /// by, and the first others.
  var columns: [SweepColumn] {
    let all = references
    let first = [MeasureReference("accuracy")] + plan.file.pareto + (plan.file.halving.map { [$0.measure] } ?? [])
    let others = first + all.filter { $0.map != nil }
    var seen = Set<MeasureReference>()
    let shown = plan.file.columns ?? Array(others.filter { seen.insert($0).inserted }.prefix(Self.mostColumns))
    return shown.filter(all.contains).map(column)
  }

  private static let mostColumns = 12

  /// How a measure is shown.
  func column(_ reference: MeasureReference) -> SweepColumn {
    SweepColumn(reference: reference, isHigherBetter: plan.directions[reference.measure] ?? nil)
  }

  /// The rows on the Pareto front of the sweep's measures, as indices.
  var front: Set<Int> {
    let measures = plan.file.pareto.map(column)
    let compared = rows.indices.filter { isComparable(rows[$0]) }
      .compactMap { index -> (index: Int, values: [Double])? in
        let values = measures.compactMap { rows[index].estimate($0.reference)?.mean }
        return values.count == measures.count ? (index, values) : nil
      }
    guard !measures.isEmpty else { return [] }
    let best = ParetoFront.indices(
      of: compared.map(\.values), isHigherBetter: measures.map { $0.isHigherBetter ?? true })
    return Set(best.map { compared[$0].index })
  }

  /// Writes all tables, the drawing and the page.
  func write() throws {
    try Files.write(Data(Ownership.marked(text() + "\n").utf8), to: plan.table)
    try Files.write(Data(csv.utf8), to: plan.csv)
    if let drawing = FrontDrawing(self) { try Files.write(Data(drawing.file.utf8), to: plan.front) }
    try Files.write(Data(try SweepPage(self).html.utf8), to: plan.page)
  }
}

extension SweepPlan {
  /// The points that go on from a rung: the best ones by the halving's measure, of those of which all runs are finished.
  func survivors(of rung: Int, among points: [Int]) throws -> [Int] {
    guard let halving = file.halving else { return points }
    let isHigherBetter = (directions[halving.measure.measure] ?? nil) ?? true
    var scored: [(point: Int, score: Double)] = []
    for point in points {
      let values = try runs(ofRung: rung).filter { $0.point == point }
        .compactMap { try SweepValues($0)?[halving.measure] }
      guard values.count == file.seeds.count, let estimate = Estimate(values), estimate.mean.isFinite else { continue }
      scored.append((point, isHigherBetter ? -estimate.mean : estimate.mean))
    }
    let best = scored.enumerated().sorted { ($0.element.score, $0.offset) < ($1.element.score, $1.offset) }
    return best.prefix(halving.survivors(of: points.count)).map(\.element.point).sorted()
  }
}
