import Foundation
import Tensors

/// A measure over items, such as images: a value for each, or why there is none.
public struct Score: Sendable, Equatable {
  /// What a measure says of an item.
  public enum Value: Sendable, Equatable, Codable {
    /// A finite number; a ``Score`` turns others into undefined values.
    case defined(Double)
    /// Why it has no value: "constant map", "no box".
    case undefined(String)

    /// The value; nil where there is none.
    public var number: Double? { if case .defined(let number) = self { number } else { nil } }

    /// The same, but undefined where the number is infinite or none, as of a network whose logits are.
    var checked: Value {
      if case .defined(let number) = self, !number.isFinite { .undefined(Self.notFinite) } else { self }
    }

    /// The reason where what is measured, other than the map, is infinite or not a number.
    public static let notFinite = "value not finite"

    /// The number, or the reason if there is none.
    public init(_ number: Double?, orUndefined reason: String) {
      self = number.map { .defined($0) } ?? .undefined(reason)
    }
  }

  /// In the items' order.
  public private(set) var values: [Value] = []

  /// A score over items, none at first.
  public init(_ values: [Value] = []) { self.values = values.map(\.checked) }

  /// Adds an item's value.
  public mutating func add(_ value: Value) { values.append(value.checked) }

  private var numbers: [Double] { values.compactMap(\.number) }

  /// Items without a value.
  public var undefined: Int { values.count - numbers.count }

  /// How many items have no value, by reason.
  public var reasons: [String: Int] {
    values.reduce(into: [:]) { counts, value in
      if case .undefined(let reason) = value { counts[reason, default: 0] += 1 }
    }
  }

  /// The reasons with their counts, for people: "constant map (3), no box (1)"; nil if every item has a value.
  public var undefinedSummary: String? {
    guard undefined > 0 else { return nil }
    return reasons.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
  }

  /// The mean over items where it is defined; nil if it is nowhere.
  public var mean: Double? { Self.mean(numbers) }

  /// The standard§std over items (of the population).
  public var std: Double? {
    mean.map { mean in
      (numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)).squareRoot()
    }
  }

  /// The interval in which the mean lies with 95% confidence, by the percentile bootstrap (Efron 1979): the middle of the
  /// means of 1,000 samples of as many items, drawn with replacement from a fixed seed. Nil for fewer than two values.
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

  /// The mean over groups, such as classes, of the means within each.
  public static func mean(byGroup scores: [Score]) -> Double? { mean(scores.compactMap(\.mean)) }

  private static func mean(_ numbers: [Double]) -> Double? {
    numbers.isEmpty ? nil : numbers.reduce(0, +) / Double(numbers.count)
  }
}
