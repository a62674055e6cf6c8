import Learning

/// The best networks of a run so far, by their scores on the validation images; see ``Setup/score(_:)``. A score is lower for a
/// better network.
public struct Ranking: Sendable, Equatable {
  /// A network that was measured.
  public struct Entry: Sendable, Equatable {
    /// The number of updates after which it was measured.
    public let step: Int
    /// Its score.
    public let score: Double

    /// Creates an entry.
    public init(step: Int, score: Double) { (self.step, self.score) = (step, score) }
  }

  /// The entries, the best first. Of equal scores the earlier one is the better.
  public private(set) var entries: [Entry] = []

  /// Creates a ranking of some entries.
  public init(_ entries: [Entry] = []) {
    self.entries = entries.sorted { ($0.score, Double($0.step)) < ($1.score, Double($1.step)) }
  }

  /// The lowest score; nil if nothing was measured.
  public var best: Double? { entries.first?.score }

  /// Adds a network that was measured after all others.
  ///
  /// - Parameters:
  ///   - entry: the network.
  ///   - count: how many are kept, at least one.
  ///   - isCollapsed: whether the network has collapsed. Its score is then infinite, whatever it measured: it is kept only
  ///     as long as there is no other.
  /// - Returns: the place of the new entry, from 0, and the entries that are no longer among the best; nil if the new
  ///   entry is not among them.
  public mutating func add(_ entry: Entry, keeping count: Int, isCollapsed: Bool = false) -> (
    place: Int, dropped: [Entry]
  )? {
    if isCollapsed && !entries.isEmpty { return nil }
    let entry = isCollapsed ? Entry(step: entry.step, score: .infinity) : entry
    let place = entries.firstIndex { entry.score < $0.score } ?? entries.count
    guard place < count else { return nil }
    entries.insert(entry, at: place)
    let dropped = Array(entries.dropFirst(count))
    entries.removeLast(dropped.count)
    return (place, dropped)
  }
}
