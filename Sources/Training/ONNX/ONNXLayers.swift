import Formats
import Networks

extension Convolution: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let (stride, padding, dilation) = (geometry.stride, geometry.padding, geometry.dilation)
    let parameters = [graph.parameter("weight", of: step)] + (bias == nil ? [] : [graph.parameter("bias", of: step)])
    graph.node(
      "Conv", step, graph.inputs(of: step) + parameters, isResult: true,
      [
        ("kernel_shape", .integers([size.height, size.width])), ("strides", .integers([stride.height, stride.width])),
        ("pads", .integers([padding.height, padding.width, padding.height, padding.width])),
        ("dilations", .integers([dilation.height, dilation.width])), ("group", .integer(geometry.groups)),
      ])
  }
}

extension BatchNorm: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let parameters = ["weight", "bias", "running_mean", "running_var"].map { graph.parameter($0, of: step) }
    graph.node(
      "BatchNormalization", step, graph.inputs(of: step) + parameters, isResult: true,
      [("epsilon", .float(Float(epsilon)))])
  }
}

extension LayerNorm: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let last = graph.channelsLast(step)
    let parameters = ["weight", "bias"].map { graph.parameter($0, of: step) }
    let normal = graph.node(
      "LayerNormalization", step, [last] + parameters, [("epsilon", .float(Float(epsilon)))])
    graph.channelsFirst(step, normal)
  }
}

extension Linear: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let (weight, bias) = (graph.parameter("weight", of: step), graph.parameter("bias", of: step))
    guard step.shape.count > 2 else {
      graph.node(
        "Gemm", step, graph.inputs(of: step) + [weight, bias], isResult: true, [("transB", .integer(1))])
      return
    }
    let last = graph.channelsLast(step)
    let transposed = graph.node("Transpose", step, [weight], [("perm", .integers([1, 0]))])
    let product = graph.node("MatMul", step, [last, transposed])
    graph.channelsFirst(step, graph.node("Add", step, [product, bias]))
  }
}

extension ReLU: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) { graph.node("Relu", step, isResult: true) }
}

extension ReLU6: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let limits = [graph.number(0, "limit"), graph.number(6, "limit")]
    graph.node("Clip", step, graph.inputs(of: step) + limits, isResult: true)
  }
}

extension SiLU: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let sigmoid = graph.node("Sigmoid", step)
    graph.node("Mul", step, graph.inputs(of: step) + [sigmoid], isResult: true)
  }
}

extension GeLU: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    // x · (1 + erf(x / √2)) / 2
    let input = graph.inputs(of: step)[0]
    let scaled = graph.node("Div", step, [input, graph.number(2.0.squareRoot(), "gelu")])
    let erf = graph.node("Erf", step, [scaled])
    let raised = graph.node("Add", step, [erf, graph.number(1, "gelu")])
    let product = graph.node("Mul", step, [input, raised])
    graph.node("Mul", step, [product, graph.number(0.5, "gelu")], isResult: true)
  }
}

extension ONNXGraph {
  /// Transposes the input of a step to channels last, [N, H, W, C].
  ///
  /// - Parameter step: the step.
  /// - Returns: the name of the transposed value.
  public mutating func channelsLast(_ step: Trace.Step) -> String {
    let input = inputs(of: step)[0]
    return step.shape.count < 4 ? input : node("Transpose", step, [input], [("perm", .integers([0, 2, 3, 1]))])
  }

  /// Transposes a value [N, H, W, C] to channels first and makes it the output of a step.
  ///
  /// - Parameters:
  ///   - step: the step.
  ///   - value: the name of the value.
  public mutating func channelsFirst(_ step: Trace.Step, _ value: String) {
    if step.shape.count < 4 {
      node("Identity", step, [value], isResult: true)
    } else {
      node("Transpose", step, [value], isResult: true, [("perm", .integers([0, 3, 1, 2]))])
    }
  }
}
