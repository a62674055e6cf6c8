extension Tensor {
  /// Applies `function` to tensors as one operation that keeps only its operands (activation checkpointing). The
  /// operations inside are computed again when a derivative is taken (Griewank and Walther 2000, "Revolve"; Chen et al.
  /// 2016, "Training Deep Nets with Sublinear Memory Cost"). The derivative is such an operation too, so that this
  /// holds to any order.
  ///
  /// - Parameters:
  ///   - operands: the function's arguments, tracked or not.
  ///   - function: a function of its arguments alone, made of recorded operations; it must give the same result in each
  ///     call.
  /// - Returns: the function's value, which keeps only the operands alive.
  public static func recomputed(
    _ operands: [Tensor], _ function: @escaping @Sendable ([Tensor]) -> Tensor
  ) -> Tensor {
    guard operands.contains(where: \.isTracked) else { return function(operands) }
    let (value, indices) = (function(operands.map { $0.detached() }), operands.indices)
    return operation("recompute", operands, keep: .operands, value: value) { g, saved in
      let (operands, rule) = (indices.map { saved[$0] }, saved.rule)
      let wanted = indices.filter { saved.sums[$0] != nil }
      // The derivatives are concatenated into one tensor, because a function has one result.
      let joined = recomputed(operands + [g]) { inputs in
        let isRecorded = inputs.contains(where: \.isTracked)
        var variables = Array(inputs.dropLast())
        for index in wanted where !variables[index].isTracked { variables[index] = variables[index].tracked() }
        let derivatives = gradients(
          of: function(variables), withRespectTo: wanted.map { variables[$0] }, cotangents: inputs[inputs.count - 1],
          rule: rule, createGraph: isRecorded, releasingGraph: !isRecorded)
        return concatenated(derivatives.map { $0.reshaped([-1]) }, axis: 0)
      }
      var (results, start) = ([Tensor?](repeating: nil, count: operands.count), 0)
      for index in wanted {
        let count = operands[index].count
        results[index] = joined.sliced(axis: 0, from: start, length: count).reshaped(operands[index].shape)
        start += count
      }
      return results
    }
  }
}
