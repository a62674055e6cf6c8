import Logging
import Networks

/// An observer that shows the progress of training with the loss and the objectives.
final class ProgressObserver: TrainingObserver {
  private let logger: Logger
  private var progress: Progress?

  init(_ logger: Logger) { self.logger = logger }

  func runBegins(at step: Int, of steps: Int) {
    progress = Progress("training", total: steps, start: step, logger: logger)
  }
  func stepTaken(_ record: TrainingStep.Record) { progress?.update(record.step, detail: Self.summary(record)) }
  func measurementBegins(at step: Int) { progress?.clear() }
  func runEnds(before: Network, after: Network) { progress?.clear() }

  deinit { progress?.clear() }

  /// The loss and all objectives as a text.
  static func summary(_ record: TrainingStep.Record) -> String {
    ([("loss", Optional(record.loss))] + record.objectives.map { ($0.name, $0.value) }).compactMap { name, value in
      value.map { "\(name) \(decimal($0, 3))" }
    }.joined(separator: "  ")
  }
}
