/// The points than which no other is better in one measure and as good in all.
enum ParetoFront {
  /// Finds the front.
  ///
  /// - Parameters:
  ///   - points: the values of each point, one for each measure.
  ///   - isHigherBetter: the direction of each measure.
  /// - Returns: the indices of its points, in their order.
  static func indices(of points: [[Double]], isHigherBetter: [Bool]) -> [Int] {
    func dominates(_ a: [Double], _ b: [Double]) -> Bool {
      let signed = zip(zip(a, b), isHigherBetter).map { ($0.0 - $0.1) * ($1 ? 1 : -1) }
      return signed.allSatisfy { $0 >= 0 } && signed.contains { $0 > 0 }
    }
    return points.indices.filter { index in !points.contains { dominates($0, points[index]) } }
  }
}
