import MetasalKit

/// Ends a run whose gradient has become larger than is plausible, after the steps that were made are saved.
final class NormLimit: TrainingObserver {
  /// The largest norm that the run goes on with.
  let limit: Double
  /// The norms so far.
  private(set) var norms: [Double] = []

  init(_ limit: Double) { self.limit = limit }

  struct Exceeded: Error, CustomStringConvertible {
    let (step, norm, limit): (Int, Double, Double)
    var description: String { "step \(step): the gradient's norm is \(norm), where at most \(limit) is expected" }
  }

  func stepTaken(_ record: TrainingStep.Record) throws {
    norms.append(record.gradientNorm)
    guard record.gradientNorm <= limit else {
      throw Exceeded(step: record.step, norm: record.gradientNorm, limit: limit)
    }
  }
}
