import Tensors
import Testing

@Suite("Soft ranks") struct SoftRankTests {
  @Test("well separated elements have their ranks, equal ones mean ranks, close ones keep their distances")
  func values() {
    func ranks(_ values: [Double]) -> [Double] { Tensor(values).softRanks().doubles }
    #expect(ranks([0, 10, 5]) == [-1, 1, 0])
    #expect(ranks([3, 3, 8, 3]) == [-0.5, -0.5, 1.5, -0.5])
    #expect(ranks([0.25, 0, -0.25]) == [0.25, 0, -0.25])
    // Two close elements share the middle of their ranks; the third is far.
    #expect(ranks([0.5, 0, 9]) == [-0.25, -0.75, 1])
    #expect(ranks([4]) == [0])
    let rows = Tensor([0.0, 10, 5, 7, 7, 7], shape: [2, 3]).softRanks()
    #expect(rows.shape == [2, 3] && rows.doubles == [-1, 1, 0, 0, 0, 0])
  }

  @Test("they are the projection onto the permutahedron", arguments: [2, 3, 10, 57], [0.1, 1, 3, 20, 1000])
  func projection(_ count: Int, _ scale: Double) {
    var random = RandomSource(seed: 1, purpose: "elements", count)
    let values = Tensor.normal([count], .float64, using: &random) * scale
    let projected = values.softRanks()
    let ranks = (0..<count).map { Double($0) - Double(count - 1) / 2 }
    // A point lies in the permutahedron if its k smallest elements never sum to less than the k smallest ranks.
    var (own, least) = (0.0, 0.0)
    for (value, rank) in zip(projected.doubles.sorted(), ranks) {
      own += value
      least += rank
      #expect(own >= least - 1e-9)
    }
    #expect(abs(own) < 1e-9)
    // It is the closest one if no vertex lies further along the residual: that of the largest product is sorted like the residual.
    let residual = (values - projected).doubles
    let along = zip(residual, projected.doubles).reduce(0) { $0 + $1.0 * $1.1 }
    let furthest = zip(residual.sorted(), ranks).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(furthest <= along + 1e-9 * max(1, abs(along)))
  }
}
