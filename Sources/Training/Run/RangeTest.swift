import Components
import Datasets
import Formats
import Foundation
import Learning
import Tensors

/// The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3): the loss
/// of a short training whose rate rises exponentially from step to step. A good peak rate lies where the loss falls
/// fastest.
public struct RangeTest: Sendable {
  /// A step of the test.
  public struct Point: Sendable {
    /// The learning rate of the update.
    public let rate: Double
    /// The outer loss before the update.
    public let loss: Double
    /// The exponential moving average of the losses so far, corrected for its beginning.
    public let smoothed: Double
  }

  /// The steps until the end or until the loss rose to four times its minimum.
  public private(set) var points: [Point] = []
  private var average = 0.0

  /// Creates a test without steps.
  public init() {}

  /// Adds a step.
  ///
  /// - Parameters:
  ///   - loss: the outer loss.
  ///   - rate: the learning rate.
  /// - Returns: whether the test goes on: it ends when the smoothed loss is four times its minimum.
  public mutating func add(_ loss: Double, at rate: Double) -> Bool {
    average = Self.decay * average + (1 - Self.decay) * loss
    let smoothed = average / (1 - pow(Self.decay, Double(points.count + 1)))
    points.append(Point(rate: rate, loss: loss, smoothed: smoothed))
    let least = points.map(\.smoothed).min() ?? smoothed
    return points.count < 2 || smoothed <= least + 3 * abs(least)
  }

  private static let decay = 0.98

  /// The rate at which the smoothed loss falls fastest per step, and so per order of magnitude of the rate; the first ten
  /// steps and the last one do not count. Nil if it falls nowhere, or there are too few steps.
  public var suggestion: Double? {
    let losses = Array(points.map(\.smoothed).dropFirst(Self.skipped).dropLast())
    guard losses.count >= 3 else { return nil }
    let slopes = losses.indices.map { i in
      let (before, after) = (max(0, i - 1), min(losses.count - 1, i + 1))
      return (losses[after] - losses[before]) / Double(after - before)
    }
    // A fall that is no more than rounding is none.
    let least = -1e-9 * (losses.map(abs).max() ?? 0)
    guard let steepest = slopes.indices.min(by: { slopes[$0] < slopes[$1] }), slopes[steepest] < least else {
      return nil
    }
    return points[Self.skipped + steepest].rate
  }

  private static let skipped = 10

  /// Trains as a recipe says, except for the learning rate, and keeps nothing of it.
  ///
  /// - Parameters:
  ///   - setup: the recipe's setup.
  ///   - rates: the rates of the first and the last step.
  ///   - steps: the number of steps.
  /// - Returns: the test; it ends early where the loss rises or is not finite.
  /// - Throws: errors of the data and of the communicator.
  public static func run(_ setup: Setup, rates: ClosedRange<Double>, steps: Int) throws -> RangeTest {
    var step = setup.trainingStep
    (step.rate, step.schedule, step.steps) = (1, Rising(rates: rates), steps)
    step.averaging = nil
    var state = TrainingState(network: setup.network, random: Checkpoint.contrastClasses(setup.recipe))
    let batches = Prefetcher(setup.train, steps: 0..<steps, threads: setup.recipe.data.workers)
    let progress = Progress("testing rates", total: steps, logger: setup.logger)
    defer { progress.clear() }
    var test = RangeTest()
    while let batch = try batches.next() {
      do {
        let (next, record) = try step(state, batch)
        state = next
        progress.update(
          record.step, detail: "rate \(String(format: "%.1e", record.rate))  loss \(decimal(record.loss, 3))")
        guard test.add(record.loss, at: record.rate) else { break }
      } catch is TrainingStep.Divergence { break }
    }
    return test
  }

  /// A rate that rises exponentially over a run.
  private struct Rising: Schedule {
    let name = "rising"
    let rates: ClosedRange<Double>

    func rate(_ peak: Double, at position: RunPosition) -> Double {
      let share = Double(position.step) / Double(max(1, position.steps - 1))
      return peak * rates.lowerBound * pow(rates.upperBound / rates.lowerBound, share)
    }
  }

  /// Writes a page with the plot of the loss against the rate.
  ///
  /// - Parameters:
  ///   - path: the HTML file.
  ///   - name: the name of the recipe, for the title.
  /// - Throws: a `FileError` if it cannot be written.
  public func write(to path: String, of name: String) throws {
    // Losses far above that of the start would leave no height for the others.
    let limit = points.first.map { $0.smoothed + abs($0.smoothed) } ?? 0
    let lines = [("loss", 1, \Point.loss), ("smoothed", 0, \Point.smoothed)].map { name, color, value in
      Chart.Line(
        name: name, color: color,
        points: points.map { Chart.Point(x: $0.rate, y: $0[keyPath: value]) }.filter { $0.y <= limit })
    }
    let chart = Chart(
      title: "outer loss against the learning rate: of each batch, and smoothed", lines: lines, xTitle: "learning rate",
      isLogarithmic: true)
    let words =
      suggestion.map { "The smoothed loss falls fastest at a rate of \(String(format: "%.1e", $0))." }
      ?? "The smoothed loss falls nowhere."
    let page = Report.page(
      "Learning rates for \(name)", words, ["<section><div class=charts>\(chart.html)</div></section>"])
    try Files.write(Data(page.utf8), to: path)
  }
}
