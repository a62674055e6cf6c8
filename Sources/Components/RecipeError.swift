/// Where something in a recipe stands: a line of a file, or a flag of the command line.
public struct Place: Sendable, Hashable, CustomStringConvertible {
  /// A file's path, or a flag as it was given.
  public let source: String
  /// The line, from 1; nil for a flag or a whole file.
  public let line: Int?

  /// A line of a file, or a flag.
  public init(source: String, line: Int?) { (self.source, self.line) = (source, line) }

  public var description: String { line.map { "\(source):\($0)" } ?? source }
}

/// What is wrong with a recipe: all of it, a line each.
public struct RecipeError: Error, CustomStringConvertible, Sendable {
  /// One thing that is wrong.
  public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// Where it stands.
    public let place: Place
    /// The key, dotted: `optimizer.schedule.name`.
    public let key: String
    /// What was found, and what was expected.
    public let message: String

    /// A problem with a key.
    public init(_ place: Place, _ key: String, _ message: String) {
      (self.place, self.key, self.message) = (place, key, message)
    }

    public var description: String {
      (["\(place)"] + (key.isEmpty ? [] : [key]) + [message]).map(\.shortPrintable).joined(separator: ": ")
    }
  }

  /// All of them, in the order of the recipe.
  public let problems: [Problem]
  /// Whether it is the recipe's file itself that is not there.
  public let isMissingFile: Bool

  /// An error of these problems.
  public init(_ problems: [Problem], isMissingFile: Bool = false) {
    (self.problems, self.isMissingFile) = (problems, isMissingFile)
  }

  /// An error of these problems, each file's together and in the order of its lines.
  public init(inOrder problems: [Problem]) {
    let sources = problems.map(\.place.source).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    self.init(
      sources.flatMap { source in
        problems.filter { $0.place.source == source }.sorted { ($0.place.line ?? 0) < ($1.place.line ?? 0) }
      })
  }

  public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// The one of `names` that `name` was probably meant to be: the fewest single-letter changes, if they are few.
public func nearest(to name: String, among names: [String]) -> String? {
  // Nobody means a name by a text of a page, and comparing takes the product of both lengths.
  guard name.utf8.count <= 200 else { return nil }
  func distance(_ a: [Character], _ b: [Character]) -> Int {
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let change = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
  let best = names.map { ($0, distance(Array(name), Array($0))) }.min { $0.1 < $1.1 }
  return best.flatMap { $0.1 <= max(2, name.count / 3) ? $0.0 : nil }
}
