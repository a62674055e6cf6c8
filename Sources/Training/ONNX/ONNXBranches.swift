import Formats
import Networks

extension Add: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) { graph.node("Add", step, isResult: true) }
}

extension Multiply: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) { graph.node("Mul", step, isResult: true) }
}

extension ScaleChannels: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    graph.node("Mul", step, graph.inputs(of: step) + [graph.parameter(parameter, of: step)], isResult: true)
  }
}

extension Sigmoid: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) { graph.node("Sigmoid", step, isResult: true) }
}

extension ConcatenateChannels: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    graph.node("Concat", step, isResult: true, [("axis", .integer(1))])
  }
}

extension Subsample: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let ends = graph.constant([Int(Int32.max), Int(Int32.max)], "ends")
    let (starts, axes) = (graph.constant([0, 0], "starts"), graph.constant([2, 3], "axes"))
    let steps = graph.constant([stride, stride], "steps")
    graph.node("Slice", step, graph.inputs(of: step) + [starts, ends, axes, steps], isResult: true)
  }
}

extension PadChannels: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    let pads = graph.constant([0, before, 0, 0, 0, after, 0, 0], "pads")
    graph.node("Pad", step, graph.inputs(of: step) + [pads], isResult: true)
  }
}
