import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// Compares networks with PyTorch's values from `Fixtures/make_networks.py`, which explains the formulas of weights and
/// images.
@Suite("Networks against PyTorch") struct PyTorchTests {
  struct Expected: Decodable {
    let logits, batch_logits, map, running_mean, running_var: [Double]
    let map_sum: Double
  }

  @Test(
    "logits, maps and running statistics agree in both precisions",
    arguments: [
      (Architecture.resnet20, "layer3.0", "bn1"), (.plain, "features.8", "features.1"),
    ], ScalarType.allCases)
  func values(_ network: (architecture: Architecture, layer: String, norm: String), _ type: ScalarType) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture("networks.json")))
    let expected = try #require(
      try JSONDecoder().decode([String: Expected].self, from: data)[network.architecture.name])
    let tolerance = type == .float64 ? 1e-10 : 1e-4
    func error(_ found: [Double], _ expected: [Double]) -> Double { relativeError(Tensor(found), Tensor(expected)) }

    let model = try network.architecture.network(classes: 10).converted(to: type).loading(weights(network.architecture))
    let output = model(images.converted(to: type), capturing: [network.layer])
    #expect(error(output.logits.doubles, expected.logits) < tolerance)
    let x = try #require(output.activations[network.layer])
    let g = gradients(of: output.logits.takenAlongLastAxis([3, 3]), withRespectTo: [x])[0]
    let map = x.detached().norm([3]) * g.norm([3])
    let row = map.sliced(axis: 0, from: 0, length: 1).sliced(axis: 1, from: 2, length: 1)
    #expect(error(row.doubles, expected.map) < tolerance)
    #expect(abs(map.sum().item / expected.map_sum - 1) < tolerance)

    let batch = model(images.converted(to: type), normalization: .batch)
    #expect(error(batch.logits.doubles, expected.batch_logits) < tolerance)
    let moved = model.updatingStatistics(from: batch).state
    for (name, values) in [("running_mean", expected.running_mean), ("running_var", expected.running_var)] {
      let found = try #require(moved.first { $0.name == "\(network.norm).\(name)" }).value
      #expect(error(found.doubles, values) < tolerance)
    }
  }

  private func weights(_ architecture: Architecture) -> [(name: String, value: Tensor)] {
    architecture.network(classes: 10).stateDictionary.enumerated().map { j, entry in
      let shape = entry.value.shape
      let isNorm = entry.name.hasSuffix(".weight") && shape.count == 1
      let scale = 2 / Double(shape.dropFirst().reduce(1, *)).squareRoot()
      let values = (0..<entry.value.count).map { k -> Double in
        let s = sin(12.9898 * Double(k + 1) + 78.233 * Double(j + 1))
        if shape.count >= 2 { return s * scale }
        if entry.name.hasSuffix("running_var") { return 1 + 0.1 * s }
        return isNorm ? 0.5 + 0.1 * s : 0.1 * s
      }
      return (entry.name, Tensor(values, shape: shape))
    }
  }

  private var images: Tensor {
    var values: [Double] = []
    for n in 0..<2 {
      for i in 0..<32 {
        for j in 0..<32 {
          for c in 0..<3 {
            values.append(sin(0.1 * Double(i) + 0.2 * Double(j) + Double(c + n)) + 0.5 * cos(0.05 * Double(i * j)))
          }
        }
      }
    }
    return Tensor(values, shape: [2, 32, 32, 3])
  }
}
