import Formats
import Foundation

/// An observer that writes every update to `metrics.csv`, and every evaluation to `evaluations.csv`, a row for each
/// number.
struct CSVObserver: TrainingObserver {
  private let evaluation: Evaluation
  private let columns: [String]
  private let steps, evaluations: LogFile

  /// Begins both tables with what the run's log holds so far, so that those of a resumed run have the bytes of a run that
  /// never stopped. Objectives of which only earlier steps have values follow those of the present recipe.
  ///
  /// - Parameters:
  ///   - folder: the run's folder, whose log was opened, and thus cut to the step from which the run is resumed.
  ///   - objectives: the objectives' names in ``TrainingStep/Record``.
  ///   - evaluation: the evaluation of the run.
  /// - Throws: a `FileError` if the log cannot be read, or a table cannot be written.
  init(_ folder: RunFolder, objectives: [String], evaluation: Evaluation) throws {
    self.evaluation = evaluation
    let events = try MetricsLog.events(folder.metrics)
    let taken = events.filter { $0.name == "step" }.map(\.values)
    let fixed = Ownership.stepsHead.split(separator: ",").map(String.init)
    let earlier = Set(taken.flatMap(\.keys)).subtracting(fixed + objectives + ["event"])
    columns = fixed + objectives + earlier.sorted()
    func begin(_ path: String, _ lines: [String]) throws -> LogFile {
      try Files.write(Self.lines(lines), to: path)
      return try LogFile(path)
    }
    let columns = columns
    steps = try begin(folder.metricsTable, [columns.csv] + taken.map { Self.row($0, columns) })
    evaluations = try begin(
      folder.evaluationsTable,
      ["step," + EvaluationRow.head]
        + events.filter { $0.name == "evaluation" }.flatMap { Self.rows($0.values, at: $0.step) })
  }

  func stepTaken(_ record: TrainingStep.Record) throws {
    try steps.append(Self.lines([Self.row(LogObserver.values(record), columns)]))
  }

  func measured(_ result: Evaluation.Result, at step: Int) throws {
    try evaluations.append(Self.lines(Self.rows(evaluation.event(result), at: step)))
  }

  func checkpointBegins(at step: Int) throws {
    try steps.sync()
    try evaluations.sync()
  }

  private static func row(_ values: [String: Any], _ columns: [String]) -> String {
    columns.map { column in
      guard let number = values[column] as? NSNumber else { return "" }
      return column == "step" ? "\(number.intValue)" : "\(number.doubleValue)"
    }.csv
  }

  private static func rows(_ event: [String: Any], at step: Int) -> [String] {
    EvaluationRow.rows(of: event).map { "\(step),\($0.csv)" }
  }

  private static func lines(_ lines: [String]) -> Data { Data(lines.map { $0 + "\n" }.joined().utf8) }
}
