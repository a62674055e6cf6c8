extension Tensor {
  /// Shares of classes, one row for each image: [N, classes]. A class that an image has more than once counts its shares' sum.
  public static func shares(of images: [[(class: Int, share: Double)]], classes: Int, _ type: ScalarType) -> Tensor {
    var values = [Double](repeating: 0, count: images.count * classes)
    for (row, image) in images.enumerated() {
      for (class_, share) in image { values[row * classes + class_] += share }
    }
    return Tensor(values, shape: [images.count, classes]).converted(to: type)
  }

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

  /// Softmax cross-entropy of logits [N, K] to shares [N, K] of the classes, for each row: [N].
  public func crossEntropy(toShares shares: Tensor) -> Tensor {
    logSumExp() * shares.sum([1]) - (self * shares).sum([1])
  }

  /// log(1 + exp x), whose derivative is the logistic function.
  public var softPlus: Tensor {
    let pair = reshaped(shape + [1])
    return Tensor.concatenated([pair, .zeros(pair.shape, scalarType)], axis: rank).logSumExp()
  }

  /// Binary cross-entropy of logits [N, K] to shares [N, K], each class by itself: the mean over classes for each row, [N].
  public func binaryCrossEntropy(toShares shares: Tensor) -> Tensor {
    (softPlus - self * shares).mean([1])
  }
}
