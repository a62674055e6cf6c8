import Foundation

/// A pair of functions that read a value from a recipe and write it to one.
public struct Codec<Value> {
  /// Reads the value of an entry, whose dotted key is used in messages. If the entry is wrong, the problem is added to
  /// the report and the result is nil.
  public let read: (_ entry: Entry, _ key: String, Keys.Report) -> Value?
  /// Writes a value as an entry; nil if there is nothing to write.
  public let write: (Value) -> Entry?

  /// Creates a codec from two functions.
  public init(
    read: @escaping (_ entry: Entry, _ key: String, Keys.Report) -> Value?, write: @escaping (Value) -> Entry?
  ) {
    (self.read, self.write) = (read, write)
  }
}

extension Codec {
  /// The codec of an unquoted scalar that `parse` can read.
  public static func scalar(
    _ expected: String, _ parse: @escaping (String) -> Value?, _ format: @escaping (Value) -> String
  ) -> Codec {
    Codec(
      read: { entry, key, report in
        if case .scalar(let text, isText: false) = entry.content, let value = parse(text) { return value }
        report.problems.append(.init(entry.place, key, "expected \(expected), found \(entry.found)"))
        return nil
      }, write: { Entry(.scalar(format($0), isText: false)) })
  }

  /// Derives the codec of a value that recipes write in a shorter form. For example, `padded_crop: 4` writes a crop as
  /// its padding, 4.
  ///
  /// - Parameters:
  ///   - whole: makes the full value from the short one.
  ///   - part: makes the short value from the full one; nil if the short form cannot express it.
  /// - Returns: the codec of the full value.
  public func standing<Whole>(
    for whole: @escaping (Value) -> Whole, _ part: @escaping (Whole) -> Value?
  ) -> Codec<Whole> {
    Codec<Whole>(read: { read($0, $1, $2).map(whole) }, write: { part($0).flatMap(write) })
  }

  /// The codec of an optional value. The key may be missing, or its value may be `~` or the word that `none` gives;
  /// all of them mean nil.
  public static func optional<Wrapped>(_ codec: Codec<Wrapped>, none: String? = nil) -> Codec where Value == Wrapped? {
    Codec(
      read: { entry, key, report in
        switch entry.content {
        case .empty: return .some(nil)
        case .scalar(let text, isText: false) where text == none: return .some(nil)
        default: return codec.read(entry, key, report).map { .some($0) }
        }
      }, write: { $0.flatMap(codec.write) ?? Entry(none.map { .scalar($0, isText: false) } ?? .empty) })
  }

  /// The codec of a key that is written only if its value is not nil. It is used where a recipe states exactly one of
  /// several keys.
  public static func alternative<Wrapped>(_ codec: Codec<Wrapped>) -> Codec where Value == Wrapped? {
    Codec(read: { codec.read($0, $1, $2).map { .some($0) } }, write: { $0.flatMap(codec.write) })
  }

  /// The codec of a list. A single item is read as a list of one.
  public static func list<Item>(_ codec: Codec<Item>, atLeast least: Int = 0) -> Codec where Value == [Item] {
    Codec(
      read: { entry, key, report in
        let (items, isList): ([Entry], Bool) =
          if case .list(let items) = entry.content { (items, true) } else { ([entry], false) }
        let values = items.enumerated().compactMap { codec.read($1, isList ? "\(key).\($0)" : key, report) }
        guard items.count >= least else {
          report.problems.append(.init(entry.place, key, "expected at least \(least), found \(items.count)"))
          return nil
        }
        return values.count == items.count ? values : nil
      }, write: { Entry(.list($0.compactMap(codec.write))) })
  }

  /// The codec of a section, whose keys are those that its type visits.
  public static func section(_ type: Value.Type = Value.self) -> Codec where Value: Section {
    Codec(read: { entry, key, report in Keys.read(type, entry, key, report) }, write: { Keys.write($0) })
  }

  /// The codec of an enumeration, by the names of its cases.
  public static func choice() -> Codec where Value: RawRepresentable<String> & CaseIterable {
    Codec(
      read: { entry, key, report in
        let names = Value.allCases.map(\.rawValue)
        if case .scalar(let text, _) = entry.content {
          if let value = Value(rawValue: text) { return value }
          let hint = nearest(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
          report.problems.append(
            .init(entry.place, key, "expected one of \(names.joined(separator: ", ")), found '\(text)'\(hint)"))
        } else {
          report.problems.append(
            .init(entry.place, key, "expected one of \(names.joined(separator: ", ")), found \(entry.found)"))
        }
        return nil
      }, write: { Entry(.scalar($0.rawValue, isText: false)) })
  }
}

extension Codec<Int> {
  /// The codec of a whole number in a range. Messages show `reason`, which explains the range where it is not obvious.
  public static func integer(_ range: ClosedRange<Int>, _ reason: String? = nil) -> Codec {
    scalar(
      "a whole number from \(range.lowerBound) to \(range.upperBound)\(because(reason))",
      { Int($0).flatMap { range.contains($0) ? $0 : nil } }, { String($0) })
  }

  /// The codec of a count, such as steps or images. The upper bound keeps counts within what a checkpoint can store.
  public static func count(from least: Int) -> Codec { integer(least...1_000_000_000) }
}

private func because(_ reason: String?) -> String { reason.map { " (\($0))" } ?? "" }

extension Codec<Double> {
  private static func number(_ expected: String, _ isValid: @escaping (Double) -> Bool) -> Codec {
    scalar(
      expected,
      // `Double.init` also accepts hexadecimal numbers, which a recipe never means.
      { text in
        guard !text.lowercased().contains("x"), let value = Double(text), value.isFinite, isValid(value) else {
          return nil
        }
        return value
      }, { "\($0)" })
  }

  /// The codec of a number in a range. Messages show `reason`, which explains the range where it is not obvious.
  public static func number(_ range: ClosedRange<Double>, _ reason: String? = nil) -> Codec {
    number("a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))\(because(reason))") {
      range.contains($0)
    }
  }

  /// The codec of a step size. In single precision a smaller rate changes nothing, and a larger one leaves nothing of
  /// the weights.
  public static var rate: Codec { number(1e-12...1e6) }
  /// A number from 0 to 1.
  public static var share: Codec { number(0...1) }
  /// The codec of a decay rate, in [0, 1).
  public static var decay: Codec { number("a number from 0 to below 1") { (0..<1).contains($0) } }

  /// A number as text, without a fraction if it is whole.
  private static func plain(_ value: Double) -> String {
    Int(exactly: value).map { String($0) } ?? "\(value)"
  }
}

extension Codec<Bool> {
  /// `true` or `false`.
  public static var boolean: Codec { scalar("true or false", { Bool($0) }, { String($0) }) }
}

extension Codec<String> {
  /// The codec of any single text.
  public static var word: Codec { text("a word") { word, _ in word } }

  /// The codec of an input's path. A relative path in a recipe is resolved against the recipe's folder, one on the
  /// command line against the current folder.
  public static var inputPath: Codec {
    let codec = text("a path") { path, place in
      place.line == nil ? Paths.expandingHome(path) : Entry.resolved(path, against: place.source)
    }
    return Codec(
      read: { entry, key, report in
        let path = codec.read(entry, key, report)
        if let path { report.inputs.append(path) }
        return path
      },
      // The path is written as an absolute one, so that a resolved recipe means the same in every folder.
      write: { codec.write(Paths.absolute($0)) })
  }

  /// The codec of an output's path. A relative path is resolved against the current folder.
  public static var outputPath: Codec { text("a path") { path, _ in Paths.expandingHome(path) } }

  /// The codec of a text that is not empty, quoted or not.
  private static func text(_ expected: String, _ meaning: @escaping (String, Place) -> String) -> Codec {
    Codec(
      read: { entry, key, report in
        if case .scalar(let text, _) = entry.content, !text.isEmpty { return meaning(text, entry.place) }
        report.problems.append(.init(entry.place, key, "expected \(expected), found \(entry.found)"))
        return nil
      }, write: { Entry(.scalar($0, isText: Entry.isNothing($0))) })
  }
}
