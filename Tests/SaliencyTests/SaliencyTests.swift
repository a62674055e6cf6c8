import Tensors
import TestSupport
import Testing

@testable import Saliency

@Suite("Saliency") struct SaliencyTests {
  private static func pair() -> (x: Tensor, g: Tensor) {
    var random = RandomSource(seed: 1, purpose: "maps")
    return (.normal([2, 3, 4, 5], .float64, using: &random), .normal([2, 3, 4, 5], .float64, using: &random))
  }

  @Test(
    "aggregates of a virtual 1×1 convolution are those of the outer products that are never built",
    arguments: Aggregate.allCases)
  func outerProducts(_ aggregate: Aggregate) {
    let (x, g) = Self.pair()
    let outer = (g.reshaped([2, 3, 4, 5, 1]) * x.reshaped([2, 3, 4, 1, 5])).reshaped([2, 3, 4, 25])
    // Aggregated as the terms of a virtual bias are.
    let expected = Extract.bias.map(x, outer, aggregate)
    #expect(relativeError(Extract.convolution(size: 1).map(x, g, aggregate), expected) < 1e-12)
  }

  @Test(
    "similarities of a map with itself are 1, and 0 with derivative 0 where they are undefined",
    arguments: Similarity.allCases)
  func similarity(_ similarity: Similarity) {
    let map = Self.pair().x.norm([3])
    #expect(similarity(map, map).doubles.allSatisfy { abs($0 - 1) < 1e-12 })
    let zero = Tensor.zeros([2, 3, 4], .float64).tracked()
    let value = similarity(zero, map)
    #expect(value.doubles == [0, 0])
    #expect(gradients(of: value, withRespectTo: [zero])[0].isFinite)
  }

  @Test("Pearson's correlation does not see shifts and scales; the cosine sees shifts")
  func invariance() {
    let (a, b) = (Self.pair().x.norm([3]), Self.pair().g.norm([3]))
    #expect(relativeError(Similarity.pearson(a * 3 + 2, b), Similarity.pearson(a, b)) < 1e-12)
    #expect(relativeError(Similarity.cosine(a + 2, b), Similarity.cosine(a, b)) > 1e-6)
  }
}
