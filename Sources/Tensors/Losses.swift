extension Tensor {
  /// log Σ exp over the last axis: [..., K] to [...].
  public func logSumExp() -> Tensor {
    // The largest element is taken out so that nothing overflows; as a constant, since it cancels.
    let top = detached().maximum()
    return (self - top.reshaped(top.shape + [1])).exp.sum([rank - 1]).log + top
  }

  /// Softmax over the last axis.
  public func softmax() -> Tensor {
    let top = detached().maximum()
    let powers = (self - top.reshaped(top.shape + [1])).exp
    return powers / powers.sum([rank - 1], keepingAxes: true)
  }

  /// Softmax cross-entropy of logits [N, K] to the classes `labels`, for each row: [N].
  public func crossEntropy(to labels: [Int]) -> Tensor { logSumExp() - picked(labels) }
}
