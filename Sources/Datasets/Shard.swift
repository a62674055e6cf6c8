/// One of several equal parts of every training batch, for training on several machines: each machine makes its own
/// part, and the parts in order are the batch that a single machine would make.
public struct Shard: Sendable, Equatable {
  /// The index of the part, from 0.
  public let index: Int
  /// The number of parts.
  public let count: Int

  /// The whole batch as a single part.
  public static let whole = Shard(0, of: 1)

  /// Part `index` of `count` parts.
  public init(_ index: Int, of count: Int) {
    precondition(count > 0 && (0..<count).contains(index), "Shard: \(index) of \(count)")
    (self.index, self.count) = (index, count)
  }

  /// The indices of this part in a batch of `size` images; if `count` does not divide `size`, the sizes of parts differ
  /// by one.
  func range(of size: Int) -> Range<Int> { (size * index / count)..<(size * (index + 1) / count) }
}
