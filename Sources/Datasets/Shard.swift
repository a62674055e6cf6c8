/// One of several equal parts of every training batch, for runs on several machines: each makes its own part, and the parts
/// in order are the batch that one machine would have made.
public struct Shard: Sendable, Equatable {
  /// Which part, from 0.
  public let index: Int
  /// How many parts there are.
  public let count: Int

  /// The whole.
  public static let whole = Shard(0, of: 1)

  /// One of `count` parts.
  public init(_ index: Int, of count: Int) {
    precondition(count > 0 && (0..<count).contains(index), "Shard: \(index) of \(count)")
    (self.index, self.count) = (index, count)
  }

  /// Its part of a batch of `size`; where that does not divide, parts differ by one.
  func range(of size: Int) -> Range<Int> { (size * index / count)..<(size * (index + 1) / count) }
}
