/// An observer that writes every update and every evaluation to `metrics.jsonl`.
struct LogObserver: TrainingObserver {
  let log: MetricsLog
  let evaluation: Evaluation

  func stepTaken(_ record: TrainingStep.Record) throws {
    try log.add("step", step: record.step, Self.values(record))
  }

  /// The values of an update by their names.
  static func values(_ record: TrainingStep.Record) -> [String: Any] {
    var values: [String: Any] = [
      "step": record.step, "loss": record.loss, "gradient_norm": record.gradientNorm, "rate": record.rate,
    ]
    for (name, value) in record.objectives { values[name] = value }
    return values
  }

  /// The log entry is written last, so that an interrupted evaluation is repeated.
  func measured(_ result: Evaluation.Result, at step: Int) throws {
    try log.add("evaluation", step: step, evaluation.event(result))
  }

  func checkpointBegins(at step: Int) throws { try log.sync() }
}
