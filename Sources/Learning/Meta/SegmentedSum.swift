import Tensors

/// A sum over the images of a batch whose order depends on the number of images alone, not on how many processes or threads
/// share them, so that the sum has the same bits everywhere.
///
/// The images are divided into segments. Within a segment results are added in the order of the images; the sums of the
/// segments are added along a binary tree. A process that computes some neighboring segments has a node of this tree, and
/// ``Communicator/allReduce(_:)`` goes on along the tree over the processes. So 1, 2, 4 and, for large batches, 8 processes
/// give the same bits. With other numbers of processes the borders of segments and of processes differ, and sums differ
/// by rounding.
struct SegmentedSum<Summand: Summable> {
  /// A node of the tree: the sum of 2^level segments, beginning with segment index · 2^level.
  private struct Node {
    var level, index: Int
    var sum: Summand
  }

  private var nodes: [Node] = []
  private var open: (segment: Int, sum: Summand)?

  /// Adds the result of some images of a segment. Segments come in order, and so do the images within one.
  mutating func add(_ summand: Summand, segment: Int) {
    if open?.segment != segment {
      close()
      open = (segment, summand)
    } else {
      open?.sum.add(summand)
    }
  }

  /// The sum of all results; nil if there are none.
  mutating func total() -> Summand? {
    close()
    guard var sum = nodes.popLast()?.sum else { return nil }
    while var earlier = nodes.popLast()?.sum {
      earlier.add(sum)
      sum = earlier
    }
    return sum
  }

  /// Makes the open segment a node, and joins nodes with their siblings.
  private mutating func close() {
    guard let (segment, sum) = open else { return }
    open = nil
    var node = Node(level: 0, index: segment, sum: sum)
    while let sibling = nodes.last, sibling.level == node.level, sibling.index == node.index ^ 1 {
      var sum = nodes.removeLast().sum
      sum.add(node.sum)
      node = Node(level: node.level + 1, index: node.index / 2, sum: sum)
    }
    nodes.append(node)
  }
}

/// The segments of a batch.
enum Segments {
  /// The number of segments: eight if each then has at least `least` images, otherwise four.
  static func number(of count: Int, atLeast least: Int) -> Int { count >= 8 * least ? 8 : 4 }

  /// Divides some images of a batch into parts that are computed together, none of which lies in two segments.
  ///
  /// - Parameters:
  ///   - own: the images that this process computes.
  ///   - count: the number of images in the batch.
  ///   - segments: the number of segments.
  ///   - most: the largest number of images in a part.
  /// - Returns: the parts in order, each with the index of its segment.
  static func parts(
    _ own: Range<Int>, of count: Int, segments: Int, atMost most: Int
  ) -> [(segment: Int, images: Range<Int>)] {
    (0..<segments).flatMap { segment in
      let images = ((count * segment / segments)..<(count * (segment + 1) / segments)).clamped(to: own)
      return evenParts(of: images.count, atMost: most).map {
        (segment, ($0.lowerBound + images.lowerBound)..<($0.upperBound + images.lowerBound))
      }
    }
  }
}
