/// Differentiable ranks (Blondel, Teboul, Berthet and Djolonga 2020, "Fast Differentiable Sorting and Ranking").
extension Tensor {
  /// The soft ranks of the elements along the last axis, each less the middle rank, so that they sum to 0: the larger an element, the
  /// larger its rank.
  ///
  /// They are the Euclidean projection of this tensor onto the permutahedron, the convex hull of all orders of the ranks 1, …, n
  /// (section 4, with the quadratic regularization). The projection is found by isotonic regression (section 5), in O(n log n).
  /// Elements whose gaps are smaller than those of ranks are pooled into blocks: within a block r = θ − mean(θ) + mean(ranks).
  /// A single element has its hard rank. So equal elements have their mean rank, and where all gaps of different elements are 1 or more the
  /// soft ranks are the hard ones. Where the elements lie closer than the ranks, they are the elements themselves, up to a shift.
  ///
  /// The result is linear in pieces, so that its derivative depends only on the blocks: g − mean(g) within each (section 5).
  public func softRanks() -> Tensor {
    precondition(rank > 0, "softRanks: a single number has no rank")
    let (length, values) = (shape[rank - 1], doubles)
    var (blocks, middles) = ([Int32](repeating: 0, count: count), [Double](repeating: 0, count: count))
    for start in stride(from: 0, to: count, by: max(1, length)) {
      let order = (start..<(start + length)).sorted { values[$0] > values[$1] }
      // The ranks of sorted elements, the largest first, less the middle rank.
      func rank(_ place: Int) -> Double { Double(length - 1) / 2 - Double(place) }
      for block in Self.pooled(order.enumerated().map { values[$1] - rank($0) }) {
        let middle = (rank(block.lowerBound) + rank(block.upperBound - 1)) / 2
        for place in block {
          blocks[order[place]] = Int32(start + block.lowerBound)
          middles[order[place]] = middle
        }
      }
    }
    return centered(inBlocks: blocks) + Tensor(middles, shape: shape).converted(to: scalarType)
  }

  /// Isotonic regression by pool adjacent violators: the blocks of neighbours on which the decreasing sequence that is closest to the
  /// values is constant.
  private static func pooled(_ values: [Double]) -> [Range<Int>] {
    var blocks: [(range: Range<Int>, sum: Double)] = []
    for (place, value) in values.enumerated() {
      var last = (range: place..<(place + 1), sum: value)
      while let before = blocks.last,
        before.sum * Double(last.range.count) <= last.sum * Double(before.range.count)
      {
        blocks.removeLast()
        last = (before.range.lowerBound..<last.range.upperBound, before.sum + last.sum)
      }
      blocks.append(last)
    }
    return blocks.map(\.range)
  }

  /// Subtracts from each element the mean of its block. It is linear and its own adjoint.
  ///
  /// - Parameter blocks: the block of each element, from 0 to below the number of elements.
  /// - Returns: a tensor of the same shape.
  func centered(inBlocks blocks: [Int32]) -> Tensor {
    precondition(blocks.count == count, "centered(inBlocks:): \(blocks.count) blocks for \(shape)")
    func value() -> Tensor {
      var values = doubles
      var (sums, counts) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
      for (value, block) in zip(values, blocks) {
        sums[Int(block)] += value
        counts[Int(block)] += 1
      }
      for (place, block) in blocks.enumerated() { values[place] -= sums[Int(block)] / counts[Int(block)] }
      return Tensor(values, shape: shape).converted(to: scalarType)
    }
    return Tensor.operation("centerBlocks", [self], keep: .nothing, value: value()) { g, _ in
      [g.centered(inBlocks: blocks)]
    }
  }
}
