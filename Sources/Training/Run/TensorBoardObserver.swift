import Components
import Formats
import Foundation
import Networks

/// An observer that writes what TensorBoard shows: curves of every update and of the evaluations, the distribution of the
/// gradient's norms over the parameters, and the figures.
final class TensorBoardObserver: TrainingObserver {
  private let log: EventLog
  private let setup: Setup
  private let folder: RunFolder
  private var step: Int
  /// About the number of histograms in a run, since TensorBoard shows no more than 500 of them.
  private static let histograms = 500

  /// Opens the event file.
  ///
  /// - Parameters:
  ///   - setup: the run's setup.
  ///   - folder: the run's folder.
  ///   - step: the step from which the run is resumed, after which nothing is kept; nil to start anew.
  ///   - isMeasured: whether the evaluation of this step is in the run's log, so that it is not repeated.
  /// - Throws: a `FileError` if the file cannot be written.
  init(_ setup: Setup, _ folder: RunFolder, resumingAt step: Int?, isMeasured: Bool) throws {
    (self.setup, self.folder, self.step) = (setup, folder, step ?? 0)
    try Files.makeFolder(folder.events)
    log = try EventLog(folder.eventFile) { at, tag in
      guard let step else { return false }
      // Figures are drawn again at the end.
      return at < step || at == step && (tag.hasPrefix("train/") || isMeasured && tag.hasPrefix("evaluation/"))
    }
  }

  func stepTaken(_ record: TrainingStep.Record) throws {
    step = record.step
    var values = [("loss", record.loss), ("gradient_norm", record.gradientNorm), ("rate", record.rate)].map {
      EventLog.Value("train/\($0)", .scalar($1))
    }
    values += record.objectives.compactMap { name, value in
      value.map { EventLog.Value("train/\(name)", .scalar($0)) }
    }
    if step % max(1, setup.recipe.run.steps / Self.histograms) == 0 {
      values.append(EventLog.Value("train/gradient_norms_of_parameters", .histogram(record.gradientNorms)))
    }
    try log.add(values, step: step)
  }

  func measured(_ result: Evaluation.Result, at step: Int) throws {
    let rows = EvaluationRow.rows(of: setup.evaluation.event(result))
    let values = rows.compactMap { row -> EventLog.Value? in
      let parts = [row.measure, row.method, row.layer, row.weights].compactMap(\.self)
      return row.mean.map { EventLog.Value("evaluation/" + parts.joined(separator: "/"), .scalar($0)) }
    }
    try log.add(values, step: step)
  }

  func checkpointBegins(at step: Int) throws { try log.sync() }

  func runEnds(before: Network, after: Network) throws {
    for path in folder.figureFiles {
      try log.add([EventLog.Value("figures/\(Paths.stem(of: path))", .png(try Files.read(path)))], step: step)
    }
    try log.sync()
  }
}
