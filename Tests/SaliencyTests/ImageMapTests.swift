import Foundation
import Tensors
import TestSupport
import Testing

@testable import Saliency

@Suite("The state and the ranks of a map") struct ImageMapTests {
  private static func map(_ values: [Double], _ width: Int, _ height: Int) -> ImageMap {
    ImageMap(Tensor(values, shape: [height, width]), width: width, height: height)
  }

  private static let smooth: [Double] = (0..<64).map { sin(Double($0)) + 1.5 }

  @Test("Spearman's correlation uses mean ranks for ties, ignores monotone changes and is undefined for constants")
  func spearman() {
    func correlation(_ a: [Double], _ b: [Double]) -> Score.Value {
      Self.map(a, a.count, 1).rankCorrelation(with: Self.map(b, b.count, 1))
    }
    #expect(Self.map([3, 1, 3, 2], 4, 1).ranks?.centered == [1, -1.5, 1, -0.5])
    #expect(correlation([1, 2, 3], [1, 1, 1]) == .undefined("constant map"))
    #expect(correlation([1, 2, 3, 4], [1, 4, 9, 16]) == .defined(1))
    #expect(correlation([1, 2, 3, 4], [4, 3, 2, 1]) == .defined(-1))
    // scipy.stats.spearmanr([1, 2, 2, 5, 0], [3, 1, 4, 4, 2])
    #expect(abs((correlation([1, 2, 2, 5, 0], [3, 1, 4, 4, 2]).number ?? 0) - 0.5) < 1e-12)
  }

  @Test("a map is constant up to rounding at its own resolution, whatever its scale", arguments: ScalarType.allCases)
  func constants(_ type: ScalarType) {
    let ulp = type == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
    for scale in [1e-30, 1e-12, 1, 1e12, 1e30] {
      let noisy = Tensor((0..<49).map { scale * (1 + ulp * Double($0 % 5)) }, shape: [7, 7]).converted(to: type)
      #expect(noisy.mapState == .constant && (-noisy).mapState == .constant)
      // Resizing adds rounding errors; the map is still constant.
      #expect(ImageMap(noisy, width: 224, height: 224).state == .constant)
      let real = Tensor((0..<49).map { scale * (1 + 1e-3 * Double($0 % 5)) }, shape: [7, 7]).converted(to: type)
      #expect(real.mapState == .defined)
    }
    #expect(Tensor.zeros([7, 7], type).mapState == .constant)
  }

  @Test(
    "maps with values that are infinite or NaN are neither defined nor constant",
    arguments: [Double.nan, .infinity, -.infinity])
  func notFinite(_ value: Double) {
    let some: [[Double]] = [
      [value] + Array(repeating: 1, count: 63), Array(repeating: value, count: 64), [value] + Self.smooth.dropFirst(),
    ]
    for values in some {
      let map = Self.map(values, 8, 8)
      #expect(map.state == .notFinite)
      let other = Self.map(Self.smooth, 8, 8)
      let box = Region(width: 8, height: 8, boxes: [(1..<4, 1..<4)])
      let image = Tensor.ones([1, 8, 8, 3], .float64)
      func score(_ images: Tensor) -> [Double] { Array(repeating: 0.5, count: images.shape[0]) }
      let all: [Score.Value] = [
        map.rankCorrelation(with: other), other.rankCorrelation(with: map), map.pointing(at: box), map.energy(in: box),
        map.sparseness, map.gridPointing(cell: 0, rows: 2, columns: 2), Deletion().value(of: map, image, score: score),
        Insertion().value(of: map, image, score: score), Road().value(of: map, image, score: score),
        Infidelity().value(of: map, image, score: score), ImageMap.meanRankCorrelation([map, other]),
        MaxSensitivity().value(of: Tensor(values, shape: [1, 8, 8]), image) { _ in .ones([1, 8, 8], .float64) },
      ]
      #expect(all.allSatisfy { $0 == .undefined("map not finite") }, "\(all)")
      #expect(map.rankAccuracy(in: box) == .undefined("map not finite"))
      #expect(Tensor(values, shape: [8, 8]).range == nil)
      let pair = [Tensor(values, shape: [1, 8, 8]), Tensor(Self.smooth, shape: [1, 8, 8])]
      let (combined, skipped) = Combination(.weightedSum, weights: [1, 1])(pair, height: 8, width: 8)
      #expect(combined.mapState == .notFinite && skipped == [[]])
    }
  }

  @Test("the rank accuracy counts the largest values, as many as the region has pixels, and equal ones by their mean")
  func rankAccuracy() {
    func accuracy(_ values: [Double], _ covers: [Bool]) -> Score.Value {
      Self.map(values, 2, 3).rankAccuracy(in: Region(width: 2, height: 3, mask: covers))
    }
    let left = [true, false, true, false, true, false]
    #expect(accuracy([6, 3, 5, 2, 4, 1], left) == .defined(1))
    #expect(accuracy([6, 5, 4, 3, 2, 1], left) == .defined(2.0 / 3))
    #expect(accuracy([1, 4, 2, 5, 3, 6], left) == .defined(0))
    // A spot inside the region has all of the energy; of the five equal pixels, two count, with the share 2/5 on the region.
    #expect(accuracy([9, 0, 0, 0, 0, 0], left) == .defined(0.6))
    // The order counts, and not the sign.
    #expect(accuracy([-1, -4, -2, -5, -3, -6], left) == .defined(1))
    #expect(accuracy([1, 1, 1, 1, 1, 1], left) == .undefined("constant map"))
    #expect(accuracy([6, 3, 5, 2, 4, 1], left.map { _ in false }) == .undefined("no region"))
  }

  @Test("values that are not finite are undefined in a score, and do not enter means and intervals")
  func scores() {
    let score = Score([.defined(.nan), .defined(.infinity), .defined(1), .defined(3), .undefined("constant map")])
    #expect(score.mean == 2 && score.undefined == 3 && score.interval != nil)
    #expect(score.undefinedSummary == "constant map (1), value not finite (2)")
    #expect(Score([.defined(.nan), .defined(-.nan)]).interval == nil)
    // A network with NaN outputs, explained by a valid map.
    let (map, image) = (Self.map(Self.smooth, 8, 8), Tensor.ones([1, 8, 8, 3], .float64))
    func nothing(_ images: Tensor) -> [Double] { Array(repeating: .nan, count: images.shape[0]) }
    let values = [Deletion().value(of: map, image, score: nothing), Road().value(of: map, image, score: nothing)]
    #expect(Score(values).reasons == ["value not finite": 2])
  }

  @Test(
    "values that differ only by rounding are ties: in ranks, in the order of removal, at the peak",
    arguments: [1e-20, 1, 1e20])
  func ties(_ scale: Double) {
    var random = RandomSource(seed: 1, purpose: "ties")
    // A third of the values are zero, a third are equal, and the two largest are equal.
    var exact = (0..<4096).map { $0 % 3 == 0 ? 0 : $0 % 3 == 1 ? 0.25 : Double.random(in: 0.01..<0.9, using: &random) }
    (exact[100], exact[2000]) = (1, 1)
    let other = (0..<4096).map { _ in Double.random(in: 0..<1, using: &random) }
    let noisy = exact.map { scale * ($0 + 1e-15 * Double.random(in: -1...1, using: &random)) }
    let (a, b, c) = (Self.map(exact.map { $0 * scale }, 64, 64), Self.map(noisy, 64, 64), Self.map(other, 64, 64))
    #expect(a.rankCorrelation(with: c) == b.rankCorrelation(with: c))
    #expect(b.rankCorrelation(with: a) == .defined(1))
    #expect(a.order == b.order)
    #expect(b.peak == (100 % 64, 100 / 64))
    // Values that are negative only by noise have no positive part.
    let negative = Self.map(noisy.map { $0 < 0.005 * scale ? $0 : -$0 }, 64, 64)
    #expect(
      negative.energy(in: Region(width: 64, height: 64, boxes: [(0..<9, 0..<9)])) == .undefined("no positive saliency"))
  }

  @Test("the mean over pairs of maps equals that of single pairs, without constant maps")
  func pairs() {
    var random = RandomSource(seed: 2, purpose: "pairs")
    let maps = (0..<6).map { _ in Self.map((0..<64).map { _ in Double.random(in: 0..<1, using: &random) }, 8, 8) }
    let pairs = maps.indices.flatMap { i in (0..<i).map { maps[i].rankCorrelation(with: maps[$0]).number ?? .nan } }
    let flat = Self.map(Array(repeating: 2, count: 64), 8, 8)
    let found = ImageMap.meanRankCorrelation(maps + [flat]).number ?? .nan
    #expect(abs(found - pairs.reduce(0, +) / 15) < 1e-12)
    #expect(ImageMap.meanRankCorrelation([maps[0], flat]) == .undefined("constant map"))
  }

  @Test("energy, sparseness and infidelity are the same at every scale", arguments: [1e-300, 1e-12, 1e12, 1e300])
  func scales(_ scale: Double) {
    let (one, scaled) = (Self.map(Self.smooth, 8, 8), Self.map(Self.smooth.map { $0 * scale }, 8, 8))
    let box = Region(width: 8, height: 8, boxes: [(1..<4, 1..<4)])
    func close(_ a: Score.Value, _ b: Score.Value) -> Bool { abs((a.number ?? .nan) - (b.number ?? .nan)) < 1e-12 }
    #expect(close(one.energy(in: box), scaled.energy(in: box)))
    #expect(close(one.sparseness, scaled.sparseness))
    let image = Tensor.ones([1, 8, 8, 3], .float64)
    func score(_ images: Tensor) -> [Double] {
      (0..<images.shape[0]).map { images.sliced(axis: 0, from: $0, length: 1).sum().item }
    }
    #expect(
      close(Infidelity().value(of: one, image, score: score), Infidelity().value(of: scaled, image, score: score)))
    let (map, large) = (
      Tensor(Self.smooth, shape: [1, 8, 8]), Tensor(Self.smooth.map { $0 * scale }, shape: [1, 8, 8])
    )
    #expect(
      close(
        MaxSensitivity().value(of: map, image) { _ in map * 1.5 },
        MaxSensitivity().value(of: large, image) { _ in large * 1.5 }))
  }
}
