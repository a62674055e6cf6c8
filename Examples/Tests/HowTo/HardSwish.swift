import MetasalKit

/// x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
struct HardSwish: FixedLayer, TracedOperation, ONNXOperation {
  func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x * (x + 3).relu.limited(to: 6) / 6 }

  func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    graph.node("HardSwish", step, isResult: true)
  }
}

extension LayerWord {
  /// `hard_swish`
  static let hardSwish = elementwise("hard_swish") { HardSwish() }
}
