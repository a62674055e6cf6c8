import Formats
import Networks
import Tensors

extension MaxPool: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    graph.node(
      "MaxPool", step, isResult: true,
      [
        ("kernel_shape", .integers([window, window])), ("strides", .integers([stride, stride])),
        ("pads", .integers([padding, padding, padding, padding])), ("ceil_mode", .integer(coveringEdges ? 1 : 0)),
      ])
  }
}

extension AveragePool: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) { graph.average(step, window, window) }
}

extension AdaptiveAveragePool: ONNXOperation {
  /// Writes an average pooling if the output size divides the input size, otherwise products with averaging matrices
  /// from both sides.
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    graph.dependsOnSize = true
    let (height, width) = (step.shape[1], step.shape[2])
    if height % side == 0 && width % side == 0 { return graph.average(step, height / side, width / side) }
    let (rows, columns) = (
      graph.means(from: height, to: side, isTransposed: false), graph.means(from: width, to: side, isTransposed: true)
    )
    let averaged = graph.node("MatMul", step, [rows, graph.inputs(of: step)[0]])
    graph.node("MatMul", step, [averaged, columns], isResult: true)
  }
}

extension GlobalAveragePool: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    if keepsLocations {
      graph.node("GlobalAveragePool", step, isResult: true)
    } else {
      let means = graph.node("GlobalAveragePool", step)
      graph.node("Flatten", step, [means], isResult: true, [("axis", .integer(1))])
    }
  }
}

extension Flatten: ONNXOperation {
  public func write(_ step: Trace.Step, to graph: inout ONNXGraph) {
    graph.dependsOnSize = true
    graph.node("Flatten", step, isResult: true, [("axis", .integer(1))])
  }
}

extension ONNXGraph {
  fileprivate mutating func average(_ step: Trace.Step, _ height: Int, _ width: Int) {
    node(
      "AveragePool", step, isResult: true,
      [("kernel_shape", .integers([height, width])), ("strides", .integers([height, width]))])
  }

  /// The averaging matrix for an axis, shared by all layers with the same input and output size.
  fileprivate mutating func means(from size: Int, to side: Int, isTransposed: Bool) -> String {
    tensor("means_\(isTransposed ? "over_columns" : "over_rows")_from_\(size)_to_\(side)") {
      let identity = (0..<(size * size)).map { $0 / size == $0 % size ? Float(1) : 0 }
      let table = ResamplingTable.adaptiveAverage(from: size, to: side)
      let matrix = Tensor(identity, shape: [size, size]).resampled(axis: 0, table)
      return isTransposed ? matrix.permuted([1, 0]) : matrix
    }
  }
}
