extension Tensor {
  /// Creates soft targets [N, classes] from the classes of each image with their shares. The shares of a repeated class
  /// are added.
  public static func softTargets(of images: [[(class: Int, share: Double)]], classes: Int, _ type: ScalarType) -> Tensor
  {
    var values = [Double](repeating: 0, count: images.count * classes)
    for (row, image) in images.enumerated() {
      for (class_, share) in image { values[row * classes + class_] += share }
    }
    return Tensor(values, shape: [images.count, classes]).converted(to: type)
  }

  /// Computes log Σ exp over the last axis: [..., K] to [...]. It stays accurate near 0, where one element is 0 and all
  /// others are far below.
  public func logSumExp() -> Tensor {
    let (places, x) = (Kernels.argmaxRows(self), detached())
    let top = x.gather(places, shape: Array(shape.dropLast()))
    // The sum of the other terms, relative to the largest one, which is 1.
    let largest = Tensor.ones(top.shape, scalarType).scatter(places, shape: shape)
    let others = ((x - top.reshaped(top.shape + [1])).exp - largest).sum([rank - 1])
    return Tensor.operation("logSumExp", [self], keep: .operands, value: Kernels.logOnePlus(others) + top) { g, saved in
      [saved[0].softmax() * g.reshaped(g.shape + [1])]
    }
  }

  /// Softmax over the last axis.
  public func softmax() -> Tensor {
    let (last, places) = (rank - 1, Kernels.argmaxRows(self))
    @Sendable func atTop(_ x: Tensor) -> Tensor { x.gather(places, shape: x.shape.dropLast() + [1]) }
    let powers = (detached() - atTop(detached())).exp
    return Tensor.operation(
      "softmax", [self], keep: .output, value: powers / powers.sum([last], keepDims: true)
    ) { g, saved in
      // The derivative is p ⊙ (g − Σ p g), which does not change if the same number is added to all of g. Here g at the
      // largest probability is shifted to 0. Where that probability is nearly 1, no small difference of large terms
      // remains.
      let (shares, rest) = (saved.output, g - atTop(g))
      return [shares * (rest - (shares * rest).sum([last], keepDims: true))]
    }
  }

  /// Computes the softmax cross-entropy of logits [N, K] to the classes `labels`, per row: [N].
  ///
  /// It is computed as log(1 + Σ exp(z − z_label)) over the other classes. The value and its derivatives thus stay
  /// accurate where they are small, as for a class that is predicted with confidence.
  public func crossEntropy(to labels: [Int]) -> Tensor { lead(over: labels).softPlusOfAll }

  /// Computes the softmax cross-entropy of logits [N, K] to soft targets [N, K], per row: [N].
  public func crossEntropy(toSoftTargets targets: Tensor) -> Tensor {
    let largest = targets.argmax()
    let lead = lead(over: largest)
    return lead.softPlusOfAll * targets.sum([1]) - (lead * targets.others(than: largest)).sum([1])
  }

  /// For each row of [N, K], the differences between the other elements and the element in the row's column: [N, K −
  /// 1].
  private func lead(over columns: [Int]) -> Tensor {
    others(than: columns) - takenAlongLastAxis(columns).reshaped([-1, 1])
  }

  /// For each row of [N, K], all elements except the one in the row's column: [N, K − 1].
  private func others(than columns: [Int]) -> Tensor {
    let width = shape[1]
    let places = columns.enumerated().flatMap { row, column in
      (0..<width).lazy.filter { $0 != column }.map { Int32(row * width + $0) }
    }
    return gather(places, shape: [columns.count, width - 1])
  }

  /// Computes log(1 + Σ exp) over the last axis: [..., K] to [...].
  private var softPlusOfAll: Tensor {
    Tensor.concatenated([self, .zeros(shape.dropLast() + [1], scalarType)], axis: rank - 1).logSumExp()
  }

  /// log(1 + exp x), whose derivative is the sigmoid function.
  public var softPlus: Tensor { reshaped(shape + [1]).softPlusOfAll }

  /// Computes the binary cross-entropy of logits [N, K] to soft targets [N, K], the mean over classes per row: [N].
  public func binaryCrossEntropy(toSoftTargets targets: Tensor) -> Tensor {
    // log(1 + exp x) is x⁺ + log(1 + exp −|x|). x⁺ may cancel against x · target, and the result then depends on the
    // second term.
    let isPositive = relu.sign
    return (self * (isPositive - targets) + (self * (1 - isPositive * 2)).softPlus).mean([1])
  }
}
