import Foundation
import Tensors

/// The values of a measure for items such as images. An item without a value has a reason instead.
public struct Score: Sendable, Equatable {
  /// The value of a measure for one item.
  public enum Value: Sendable, Equatable, Codable {
    /// A finite number; a ``Score`` replaces numbers that are not finite by undefined values.
    case defined(Double)
    /// The reason why there is no value: "constant map", "no box".
    case undefined(String)

    /// The number; nil if there is no value.
    public var number: Double? { if case .defined(let number) = self { number } else { nil } }

    /// The same value, except that a number that is not finite becomes undefined. Such numbers occur if a network's
    /// logits are not finite.
    var checked: Value {
      if case .defined(let number) = self, !number.isFinite { .undefined(Self.notFinite) } else { self }
    }

    /// The reason if something other than the map is not finite.
    public static let notFinite = "value not finite"

    /// Creates a value from a number, or from the reason if the number is nil.
    public init(_ number: Double?, orUndefined reason: String) {
      self = number.map { .defined($0) } ?? .undefined(reason)
    }
  }

  /// The values, in the items' order.
  public private(set) var values: [Value] = []

  /// Creates a score from values.
  public init(_ values: [Value] = []) { self.values = values.map(\.checked) }

  /// Adds an item's value.
  public mutating func add(_ value: Value) { values.append(value.checked) }

  private var numbers: [Double] { values.compactMap(\.number) }

  /// The number of items without a value.
  public var undefined: Int { values.count - numbers.count }

  /// The number of items without a value, by reason.
  public var reasons: [String: Int] {
    values.reduce(into: [:]) { counts, value in
      if case .undefined(let reason) = value { counts[reason, default: 0] += 1 }
    }
  }

  /// The reasons with their counts, for messages: "constant map (3), no box (1)"; nil if every item has a value.
  public var undefinedSummary: String? {
    guard undefined > 0 else { return nil }
    return reasons.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
  }

  /// The mean over the items that have a value; nil if there are none.
  public var mean: Double? { Self.mean(numbers) }

  /// The population std over the items that have a value.
  public var std: Double? {
    mean.map { mean in
      (numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)).squareRoot()
    }
  }

  /// The 95% confidence interval of the mean by the percentile bootstrap (Efron 1979): the middle 95% of the means of
  /// 1,000 resamples, drawn with replacement from a fixed seed. It is nil for fewer than two values.
  public var interval: ClosedRange<Double>? {
    let numbers = numbers
    guard numbers.count > 1 else { return nil }
    var random = RandomSource(seed: 0, purpose: "bootstrap")
    let means = (0..<1000).map { _ in
      (0..<numbers.count).reduce(0) { sum, _ in sum + numbers[Int.random(in: 0..<numbers.count, using: &random)] }
        / Double(numbers.count)
    }.sorted()
    return means[25]...means[974]
  }

  /// The mean over groups, such as classes, of the means within each group.
  public static func mean(byGroup scores: [Score]) -> Double? { mean(scores.compactMap(\.mean)) }

  private static func mean(_ numbers: [Double]) -> Double? {
    numbers.isEmpty ? nil : numbers.reduce(0, +) / Double(numbers.count)
  }
}
