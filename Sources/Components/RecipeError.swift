/// The place of a value in a recipe: a line of a file, or a flag on the command line.
public struct Place: Sendable, Hashable, CustomStringConvertible {
  /// The path of the file, or the flag as it was typed.
  public let source: String
  /// The line number, from 1; nil for a flag and for a whole file.
  public let line: Int?

  /// Creates a place from a source and a line.
  public init(source: String, line: Int?) { (self.source, self.line) = (source, line) }

  public var description: String { line.map { "\(source):\($0)" } ?? source }
}

/// All problems of a recipe, one per line.
public struct RecipeError: Error, CustomStringConvertible, Sendable {
  /// One problem of a recipe.
  public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// The place of the problem.
    public let place: Place
    /// The dotted key: `optimizer.schedule.name`.
    public let key: String
    /// What was found and what was expected.
    public let message: String

    /// Creates a problem with a key.
    public init(_ place: Place, _ key: String, _ message: String) {
      (self.place, self.key, self.message) = (place, key, message)
    }

    public var description: String {
      (["\(place)"] + (key.isEmpty ? [] : [key]) + [message]).map(\.shortPrintable).joined(separator: ": ")
    }
  }

  /// All problems, in the order of the recipe.
  public let problems: [Problem]
  /// Whether the problem is that the recipe's file does not exist.
  public let isMissingFile: Bool

  /// Creates an error from problems.
  public init(_ problems: [Problem], isMissingFile: Bool = false) {
    (self.problems, self.isMissingFile) = (problems, isMissingFile)
  }

  /// Creates an error from problems, grouped by file and sorted by line.
  public init(inOrder problems: [Problem]) {
    let sources = problems.map(\.place.source).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    self.init(
      sources.flatMap { source in
        problems.filter { $0.place.source == source }.sorted { ($0.place.line ?? 0) < ($1.place.line ?? 0) }
      })
  }

  public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// The name among `names` that `name` was probably meant to be. It is the one with the smallest edit distance, or nil
/// if that distance is large.
public func nearest(to name: String, among names: [String]) -> String? {
  // A very long text is not a misspelt name, and the edit distance takes time proportional to the product of the
  // lengths.
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
