import Components
import Tensors

/// Words or numbers of which each is as likely: `choice: [adam, sgd]`.
public struct Choice: Distribution {
  public let name = "choice"
  /// The values.
  public var values: [String] = []

  /// A choice of nothing.
  public init() {}

  public mutating func visit(_ keys: Keys) {
    keys("values", &values, Self.list, isRequired: true)
    keys.requireDistinct("values", values)
  }

  public static var shorthand: Codec<Self>? {
    Codec(
      read: { entry, key, report in
        guard let values = list.read(entry, key, report) else { return nil }
        var choice = Choice()
        choice.values = values
        guard Set(values).count == values.count else {
          report.problems.append(.init(entry.place, key, "a value stands there twice"))
          return nil
        }
        return choice
      }, write: { list.write($0.values) })
  }

  private static var list: Codec<[String]> { .list(.word, atLeast: 2) }

  public func draw(using random: inout RandomSource) -> String {
    values[min(values.count - 1, Int(Double(values.count) * random.uniform()))]
  }
}
