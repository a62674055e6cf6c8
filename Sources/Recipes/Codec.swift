import Formats
import Foundation

/// How a value is read from a recipe and written to one. Reading reports what is wrong and gives nil.
struct Codec<Value> {
  let read: (Entry, _ key: String, Keys.Report) -> Value?
  /// Nil where there is nothing to state.
  let write: (Value) -> Entry?
}

func written(_ content: Entry.Content) -> Entry { Entry(content: content, place: Place(source: "", line: nil)) }

extension Codec {
  /// A scalar, not in quotes, that `parse` understands.
  static func scalar(
    _ expected: String, _ parse: @escaping (String) -> Value?, _ format: @escaping (Value) -> String
  ) -> Codec {
    Codec(
      read: { entry, key, report in
        if case .scalar(let text, isText: false) = entry.content, let value = parse(text) { return value }
        report.problems.append(.init(entry.place, key, "expected \(expected), found \(entry.found)"))
        return nil
      }, write: { written(.scalar(format($0), isText: false)) })
  }

  /// A value that may be left out, or stated as nothing: by `~`, or by a word of the key's own for it.
  static func optional<Wrapped>(_ codec: Codec<Wrapped>, none: String? = nil) -> Codec where Value == Wrapped? {
    Codec(
      read: { entry, key, report in
        switch entry.content {
        case .empty: return .some(nil)
        case .scalar(let text, isText: false) where text == none: return .some(nil)
        default: return codec.read(entry, key, report).map { .some($0) }
        }
      }, write: { $0.flatMap(codec.write) ?? written(none.map { .scalar($0, isText: false) } ?? .empty) })
  }

  /// A value whose key is there only where it is the one of several that was chosen.
  static func alternative<Wrapped>(_ codec: Codec<Wrapped>) -> Codec where Value == Wrapped? {
    Codec(read: { codec.read($0, $1, $2).map { .some($0) } }, write: { $0.flatMap(codec.write) })
  }

  /// A list, or a single item standing for a list of one.
  static func list<Item>(_ codec: Codec<Item>, atLeast least: Int = 0) -> Codec where Value == [Item] {
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
      }, write: { written(.list($0.compactMap(codec.write))) })
  }

  static func section(_ type: Value.Type = Value.self) -> Codec where Value: Section {
    Codec(read: { entry, key, report in Keys.read(type, entry, key, report) }, write: { Keys.write($0) })
  }

  /// One of an enumeration's names.
  static func choice() -> Codec where Value: RawRepresentable<String> & CaseIterable {
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
      }, write: { written(.scalar($0.rawValue, isText: false)) })
  }
}

extension Codec<Int> {
  /// - Parameter reason: why no other is taken, where that is not plain; it goes into the message.
  static func integer(_ range: ClosedRange<Int>, _ reason: String? = nil) -> Codec {
    scalar(
      "a whole number from \(range.lowerBound) to \(range.upperBound)\(because(reason))",
      { Int($0).flatMap { range.contains($0) ? $0 : nil } }, { String($0) })
  }

  /// Steps, images and such: with more a run would not end, and counts beyond this do not fit a checkpoint.
  static func count(from least: Int) -> Codec { integer(least...1_000_000_000) }
}

private func because(_ reason: String?) -> String { reason.map { " (\($0))" } ?? "" }

extension Codec<Double> {
  private static func number(_ expected: String, _ isValid: @escaping (Double) -> Bool) -> Codec {
    scalar(
      expected,
      // Swift's own reading knows hexadecimal numbers too, which nobody means.
      { text in
        guard !text.lowercased().contains("x"), let value = Double(text), value.isFinite, isValid(value) else {
          return nil
        }
        return value
      }, { "\($0)" })
  }

  /// - Parameter reason: why no other is taken, where that is not plain; it goes into the message.
  static func number(_ range: ClosedRange<Double>, _ reason: String? = nil) -> Codec {
    number("a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))\(because(reason))") {
      range.contains($0)
    }
  }

  /// The length of steps. Beyond these single precision sees no change, or nothing else.
  static var rate: Codec { number(1e-12...1e6) }
  static var share: Codec { number(0...1) }
  /// In [0, 1), as decay rates are.
  static var decay: Codec { number("a number from 0 to below 1") { (0..<1).contains($0) } }

  /// Whole numbers without a fraction, as people write them.
  private static func plain(_ value: Double) -> String {
    Int(exactly: value).map { String($0) } ?? "\(value)"
  }
}

extension Codec<Bool> {
  static var boolean: Codec { scalar("true or false", { Bool($0) }, { String($0) }) }
}

extension Codec<String> {
  static var word: Codec { text("a word") { word, _ in word } }

  /// The path of an input, meant from the folder of the recipe that states it (on the command line: from the current one).
  static var inputPath: Codec {
    let codec = text("a path") { path, place in
      place.line == nil ? Files.expandingHome(path) : Entry.resolved(path, against: place.source)
    }
    return Codec(
      read: { entry, key, report in
        let path = codec.read(entry, key, report)
        if let path { report.inputs.append(path) }
        return path
      },
      // From the root, so that a resolved recipe means the same wherever it is put.
      write: { codec.write(Paths.absolute($0)) })
  }

  /// The path of an output, meant from the current folder.
  static var outputPath: Codec { text("a path") { path, _ in Files.expandingHome(path) } }

  /// A text that isn't empty, in quotes or not.
  private static func text(_ expected: String, _ meaning: @escaping (String, Place) -> String) -> Codec {
    Codec(
      read: { entry, key, report in
        if case .scalar(let text, _) = entry.content, !text.isEmpty { return meaning(text, entry.place) }
        report.problems.append(.init(entry.place, key, "expected \(expected), found \(entry.found)"))
        return nil
      }, write: { written(.scalar($0, isText: Entry.isNothing($0))) })
  }
}
