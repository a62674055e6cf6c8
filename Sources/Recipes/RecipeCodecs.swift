import Components
import Datasets
import Learning
import Networks
import Saliency

// Codecs for types of other targets, through sections that name their keys.

extension Codec {
  /// A codec for a value that is written as a section of another type `S`.
  static func by<S: Section>(
    _: S.Type, _ value: @escaping (S) -> Value?, _ section: @escaping (Value) -> S
  ) -> Codec {
    Codec(
      read: { entry, key, report in
        let before = report.problems.count
        let read = Keys.read(S.self, entry, key, report)
        return report.problems.count == before ? value(read) : nil
      }, write: { Keys.write(section($0)) })
  }
}

// MARK: - The network

extension Codec<Dropping.Rate> {
  /// `none`, `standard`, or a number from 0 to below 1.
  static var dropRate: Codec {
    scalar(
      "none, standard, or a number from 0 to below 1",
      { text in
        switch text {
        case "none": return Dropping.Rate.none
        case "standard": return .standard
        default:
          guard let rate = Double(text), (0..<1).contains(rate), !text.lowercased().contains("x") else { return nil }
          return rate == 0 ? Dropping.Rate.none : .fixed(rate)
        }
      },
      { rate in
        switch rate {
        case .none: "none"
        case .standard: "standard"
        case .fixed(let number): "\(number)"
        }
      })
  }
}

// MARK: - Maps

extension Codec<(any Measure)?> {
  /// A codec for a measure's name and settings; nil stands for accuracy, which measures the network and not its maps.
  static var measure: Codec {
    let measure = Codec<any Measure>.component(Registries.measures, besides: ["accuracy"])
    return Codec(
      read: { entry, key, report in
        if case .scalar("accuracy", _) = entry.content { return .some(nil) }
        return measure.read(entry, key, report).map { .some($0) }
      }, write: { $0.map(measure.write) ?? Entry(.scalar("accuracy", isText: false)) })
  }
}

// MARK: - Objectives

private struct ObjectiveSection: Section {
  var objective: any OuterObjective = CrossEntropy()
  var weight = 1.0
  var schedule: (any Schedule)?
  var method: Saliency.Method?
  var layers: [String]?

  mutating func visit(_ keys: Keys) {
    keys.component("objective", &objective, of: Registries.objectives) {
      keys("weight", &weight, .number(-1e6...1e6))
      keys("schedule", &schedule, .optional(.schedule))
      keys("method", &method, .optional(.method))
      keys("layers", &layers, .optional(.list(.word, atLeast: 1)))
      keys.requireDistinct("layers", layers ?? [])
    }
  }
}

extension Codec<WeightedObjective> {
  static var objective: Codec {
    by(
      ObjectiveSection.self,
      {
        WeightedObjective(
          $0.objective, weight: $0.weight, schedule: $0.schedule, method: $0.method, layers: $0.layers)
      },
      {
        ObjectiveSection(
          objective: $0.objective, weight: $0.weight, schedule: $0.schedule, method: $0.method, layers: $0.layers)
      })
  }
}

// MARK: - Data

private struct NormalizationSection: Section {
  var mean: [Double] = []
  var std: [Double] = []

  public mutating func visit(_ keys: Keys) {
    keys("mean", &mean, .list(.number(Normalization.means, "pixels are from 0 to 1")), isRequired: true)
    keys(
      "std", &std, .list(.number(Normalization.stds, "pixels are from 0 to 1")), isRequired: true)
    if mean.count != 3 { keys.refuse("mean", "expected three numbers, one for each color") }
    if std.count != 3 { keys.refuse("std", "expected three positive numbers, one for each color") }
  }
}

extension Codec<Normalization> {
  static var normalization: Codec {
    by(
      NormalizationSection.self, { Normalization(mean: $0.mean, std: $0.std) },
      { NormalizationSection(mean: $0.mean, std: $0.std) })
  }
}
