import Foundation
import Saliency
import TestSupport
import Tensors
import Testing

@testable import Learning

/// The values of objectives for logits and maps that are given (Fixtures/make_map_objectives.py).
@Suite("Values of objectives for given logits and maps") struct MapObjectiveTests {
  private struct Expected: Decodable {
    struct Distillation: Decodable {
      let loss: String
      let temperature: Double
      let reference, logits, values: [Double]
      let gradients: [[Double]]
    }
    struct Spearman: Decodable {
      let regularization: Double
      let shape: [Int]
      let a, b, values: [Double]
      let gradients: [[Double]]
    }
    struct Attention: Decodable {
      let threshold, sharpness, consistency: Double
      let shapes: [[Int]]
      let maps: [[[Double]]]
      let values: [Double]
      let gradients: [[Double]]
    }
    let distillation: [Distillation]
    let spearman: [Spearman]
    let attention: [Attention]
  }

  private let expected: Expected

  init() throws {
    expected = try JSONDecoder().decode(
      Expected.self, from: try Data(contentsOf: URL(fileURLWithPath: fixture("map_objectives.json"))))
  }

  private func check(_ value: Tensor, _ inputs: [Tensor], _ values: [Double], _ derivatives: [[Double]]) {
    #expect(relativeError(value, Tensor(values)) < 1e-9)
    for (found, expected) in zip(gradients(of: value, withRespectTo: inputs), derivatives) {
      #expect(relativeError(found, Tensor(expected, shape: found.shape)) < 1e-7)
    }
  }

  @Test("distillation agrees with PyTorch, for both losses at any temperature")
  func distillation() throws {
    for expected in expected.distillation {
      let logits = Tensor(expected.logits, shape: [3, 5]).tracked()
      let objective = Distillation(
        temperature: expected.temperature, loss: try #require(Distillation.Loss(rawValue: expected.loss)))
      let value = objective.value(logits, Tensor(expected.reference, shape: [3, 5]))
      check(value, [logits], expected.values, expected.gradients)
      #expect(objective.value(logits, logits.detached()).doubles.allSatisfy { abs($0) < 1e-15 })
    }
  }

  @Test("soft rank correlation agrees with PyTorch, and with scipy's Spearman where it is hardly regularized")
  func spearman() throws {
    for expected in expected.spearman {
      let maps = [expected.a, expected.b].map { Tensor($0, shape: expected.shape).tracked() }
      let value = Similarity.spearman(maps[0], maps[1], regularization: expected.regularization)
      check(value, maps, expected.values, expected.gradients)
    }
  }

  @Test("soft rank correlation is Pearson's where it is strongly regularized")
  func pearson() {
    for expected in expected.spearman {
      let maps = [expected.a, expected.b].map { Tensor($0, shape: expected.shape) }
      let soft = Similarity.spearman(maps[0], maps[1], regularization: 1e6)
      #expect(relativeError(soft, Similarity.pearson(maps[0], maps[1])) < 1e-9)
    }
  }

  @Test("the mean over pairs is that of the similarities of all pairs", arguments: Similarity.allCases)
  func pairs(_ similarity: Similarity) {
    var random = RandomSource(seed: 3, purpose: "maps")
    // A map of zeros and one that occurs twice are among them.
    var maps = (0..<3).map { _ in Tensor.normal([2, 4, 5], .float64, using: &random) }
    maps += [maps[0], .zeros([2, 4, 5], .float64)]
    let pairs = maps.indices.flatMap { i in (0..<i).map { similarity(maps[i], maps[$0], regularization: 0.5) } }
    #expect(relativeError(similarity.mean(overPairsOf: maps, regularization: 0.5), pairs.mean) < 1e-12)
  }

  @Test("attention separation and consistency agree with PyTorch")
  func attention() throws {
    for expected in expected.attention {
      let objective = AttentionSeparation(
        threshold: expected.threshold, sharpness: expected.sharpness, consistency: expected.consistency)
      let layers = zip(expected.maps, expected.shapes).map { maps, shape in
        maps.map { Tensor($0, shape: shape).tracked() }
      }
      check(objective.value(layers), layers.flatMap(\.self), expected.values, expected.gradients)
    }
  }

  @Test("attention that does not overlap has the value 0, equal constant attention 1, and none at all 0")
  func overlap() {
    let objective = AttentionSeparation(consistency: 0)
    let (left, right) = (Tensor([1.0, 0], shape: [1, 1, 2]), Tensor([0, 1.0], shape: [1, 1, 2]))
    #expect(objective.value([[left, right]]).item == 0)
    let flat = Tensor([0.3, 0.3], shape: [1, 1, 2])
    #expect(abs(objective.value([[flat, flat]]).item - 1) < 1e-12)
    #expect(objective.value([[flat * 0, flat * -1]]).item == 0)
    // With the left half of the last layer salient, half of a constant map lies outside.
    func consistent(_ inner: Tensor) -> Double {
      AttentionSeparation(consistency: 2).value([[inner, inner * 0], [left, left * 0]]).item
    }
    #expect(abs(consistent(left)) < 1e-12 && abs(consistent(flat) - 1) < 1e-12 && abs(consistent(right) - 2) < 1e-12)
  }

  @Test("total variation is 0 for a constant map, 4 for a single location, and does not depend on sign and scale")
  func variation() {
    func value(_ map: [Double], _ shape: [Int]) -> Double {
      TotalVariation.value(Tensor(map, shape: shape)).item
    }
    func check(_ map: [Double], _ shape: [Int], _ expected: Double) {
      #expect(abs(value(map, shape) - expected) < 1e-12)
    }
    check([Double](repeating: 2, count: 9), [1, 3, 3], 0)
    check([0, 0, 0, 0, 5, 0, 0, 0, 0], [1, 3, 3], 4)
    check([0, 0, 0, 0, -1e-9, 0, 0, 0, 0], [1, 3, 3], 4)
    // In a row 1 → 3 → 2: 2 + 1 over 6.
    check([1, 3, 2], [1, 1, 3], 0.5)
    check([1, 3, 2], [1, 3, 1], 0.5)
    check([0, 0, 0], [1, 1, 3], 0)
    check([7], [1, 1, 1], 0)
  }

  @Test("sparsity is 0 for a single location, 1 for a constant map and a map of zeros, and does not depend on scale")
  func sparsity() {
    func value(_ map: [Double], _ shape: [Int] = [1, 3, 3]) -> Double { Sparsity.value(Tensor(map, shape: shape)).item }
    for scale in [1, -1e-100, 1e100] {
      #expect(abs(value([0, 0, 0, 0, scale, 0, 0, 0, 0])) < 1e-12)
      #expect(abs(value([Double](repeating: scale, count: 9)) - 1) < 1e-12)
    }
    #expect(value([Double](repeating: 0, count: 9)) == 1 && value([3], [1, 1, 1]) == 0)
    // Two of four locations: (√2 − 1) / (2 − 1).
    #expect(abs(value([1, 0, 0, -1], [1, 2, 2]) - (2.0.squareRoot() - 1)) < 1e-12)
  }

  @Test("agreement of a map with itself is 0 and with its negative 2, and only a map that is no target has a gradient")
  func agreement() {
    var random = RandomSource(seed: 3, purpose: "maps")
    let map = Tensor.normal([2, 4, 5], .float64, using: &random).tracked()
    let other = Tensor.normal([2, 4, 5], .float64, using: &random).tracked()
    for similarity in Similarity.allCases {
      let objective = WeightAgreement(similarity: similarity)
      #expect(objective.value(map, map * 3).doubles.allSatisfy { abs($0) < 1e-12 })
      #expect(objective.value(map, -map).doubles.allSatisfy { abs($0 - 2) < 1e-12 })
      for target in WeightAgreement.Target.allCases {
        let value = WeightAgreement(target: target, similarity: similarity).value(map, other)
        let found = gradients(of: value, withRespectTo: [map, other])
        #expect(found[0].abs.sum().item > 0 && (found[1].abs.sum().item == 0) == (target == .virtual))
      }
    }
  }

  @Test("against all, the explained class comes first, then the most likely others")
  func classes() {
    let logits = Tensor([0.1, 0.5, 0.3, 0.3, 9, 8, 7, 6], shape: [2, 4])
    func compared(_ sensitivity: ClassSensitivity) -> [[Int]] { sensitivity.compared(logits: logits, labels: [0, 3]) }
    #expect(compared(ClassSensitivity(against: .all, classes: 3)) == [[0, 3], [1, 0], [2, 1]])
    #expect(compared(ClassSensitivity(explain: .top, against: .all, classes: 2)) == [[1, 0], [2, 1]])
    #expect(compared(ClassSensitivity(against: .all, classes: 1000)).count == 4)
  }
}
