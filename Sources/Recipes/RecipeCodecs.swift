import Components
import Datasets
import Learning
import Networks
import Saliency

// Types of other targets, read and written by way of sections that name their keys.

extension Codec {
  /// A codec for a value that is stated as a section of another type.
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

// MARK: - The inner update

extension InnerUpdate: Section {
  public init() { self.init(rate: 0.01) }

  public mutating func visit(_ keys: Keys) {
    keys("rate", &rate, .rate, isRequired: true)
    keys("steps", &steps, .integer(1...100))
    keys("loss", &loss, .choice())
    keys("direction", &direction, .choice())
    keys("scope", &scope, .choice())
    keys("order", &order, .choice())
    keys("parameters", &parameters, .optional(.list(.word, atLeast: 1), none: "all"))
  }
}

extension Codec<InnerUpdate> {
  static var inner: Codec { .section() }
}

// MARK: - Maps

extension Codec<Method> {
  /// A method's name; see `Method`.
  static var method: Codec {
    Codec(
      read: { entry, key, report in
        var message = "expected one of \(Method.grammar); found \(entry.found)"
        if case .scalar(let text, _) = entry.content {
          do { return try Method(named: text) } catch let error as Method.Malformed {
            let hint = nearest(to: text, among: Method.named.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            message = error.description + hint
          } catch {}
        }
        report.problems.append(.init(entry.place, key, message))
        return nil
      }, write: { Entry(.scalar($0.description, isText: false)) })
  }
}

// MARK: - Objectives

private struct ObjectiveSection: Section {
  var objective: any OuterObjective = CrossEntropy()
  var weight = 1.0

  mutating func visit(_ keys: Keys) {
    keys.component("objective", &objective, of: Registries.objectives) { keys("weight", &weight, .number(-1e6...1e6)) }
  }
}

extension Codec<WeightedObjective> {
  static var objective: Codec {
    by(
      ObjectiveSection.self, { WeightedObjective($0.objective, weight: $0.weight) },
      { ObjectiveSection(objective: $0.objective, weight: $0.weight) })
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
