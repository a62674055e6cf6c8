import Foundation
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
    "aggregates of a virtual 1×1 convolution equal those of explicit outer products",
    arguments: Aggregate.allCases)
  func outerProducts(_ aggregate: Aggregate) {
    let (x, g) = Self.pair()
    let outer = (g.reshaped([2, 3, 4, 5, 1]) * x.reshaped([2, 3, 4, 1, 5])).reshaped([2, 3, 4, 25])
    // The outer products are aggregated like the terms of a virtual bias.
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

  @Test(
    "a map that is constant up to rounding has Pearson's correlation 0 with derivative 0",
    arguments: ScalarType.allCases)
  func constant(_ type: ScalarType) {
    let varied = Self.pair().x.norm([3]).converted(to: type)
    for value in [0.1, 1 / 3.0, 7e-7, 1.1e9] {
      for noise in [0.0, 3 * (type == .float32 ? 1.2e-7 : 2.2e-16)] {
        let rounding = Tensor((0..<24).map { value * (1 + noise * sin(Double($0))) }, shape: [2, 3, 4]).converted(
          to: type)
        for other in [varied, rounding] {
          let (a, b) = (rounding.tracked(), other.tracked())
          for result in [Similarity.pearson(a, b), Similarity.pearson(b, a)] {
            #expect(result.doubles == [0, 0])
            #expect(gradients(of: result, withRespectTo: [a, b]).allSatisfy { $0.abs.sum().item == 0 })
          }
        }
      }
    }
    #expect(Similarity.pearson(varied * .nan, varied).doubles.allSatisfy { $0.isNaN })
  }

  @Test(
    "similarities and their derivatives are accurate at every scale of either map", arguments: Similarity.allCases)
  func scales(_ similarity: Similarity) {
    let (a, b) = (Self.pair().x.norm([3]), Self.pair().g.norm([3]))
    func results(_ scale: (Double, Double), _ type: ScalarType) -> [Tensor] {
      let maps = [(a * scale.0).converted(to: type).tracked(), (b * scale.1).converted(to: type).tracked()]
      let value = similarity(maps[0], maps[1])
      let derivatives = gradients(of: value, withRespectTo: maps)
      return ([value.detached()] + derivatives).map { $0.converted(to: .float64) }
    }
    let powers = [1e-20, 1e-12, 1e-6, 1, 1e6, 1e12, 1e20]
    for scale in powers.flatMap({ first in powers.map { (first, $0) } }) {
      for (single, double) in zip(results(scale, .float32), results(scale, .float64)) {
        #expect(relativeError(single, double) < 1e-5, "\(scale)")
      }
    }
  }

  @Test(
    "every extract and aggregate and its derivatives are accurate at every scale of gradients and activations",
    arguments: ["bias", "scaling", "conv1x1", "conv3x3", "depthwise3x3"], Aggregate.allCases)
  func extractScales(_ name: String, _ aggregate: Aggregate) throws {
    let (extract, pair) = (try #require(Extract(name: name)), Self.pair())
    func results(_ scale: (Double, Double), _ type: ScalarType) -> [Tensor] {
      let x = (pair.x * scale.0).converted(to: .float32).converted(to: type).tracked()
      let g = (pair.g * scale.1).converted(to: .float32).converted(to: type).tracked()
      let map = extract.map(x, g, aggregate)
      return ([map.detached()] + gradients(of: map, withRespectTo: [x, g])).map { $0.converted(to: .float64) }
    }
    let powers = [1e-12, 1e-6, 1, 1e6, 1e12]
    for scale in powers.flatMap({ first in powers.map { (first, $0) } }) {
      for (single, double) in zip(results(scale, .float32), results(scale, .float64)) {
        #expect(relativeError(single, double) < 1e-5, "\(scale)")
      }
    }
  }

  @Test("Pearson's correlation is invariant to shift and scale; the cosine is invariant to scale only")
  func invariance() {
    let (a, b) = (Self.pair().x.norm([3]), Self.pair().g.norm([3]))
    #expect(relativeError(Similarity.pearson(a * 3 + 2, b), Similarity.pearson(a, b)) < 1e-12)
    #expect(relativeError(Similarity.cosine(a + 2, b), Similarity.cosine(a, b)) > 1e-6)
  }
}
