/// Element-wise operations. Operations of two tensors broadcast as in NumPy: shapes are aligned at their last axes, and
/// an axis of size one (or a missing axis) is repeated.
extension Tensor {
  /// The sum, broadcast.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    let (shapeA, shapeB) = (a.shape, b.shape)
    return operation("add", [a, b], keep: .nothing, value: Kernels.zip(.add, a, b, shape: broadcastShape("+", a, b))) {
      g, saved in
      [saved.ifNeeded(0) { g.summed(to: shapeA) }, saved.ifNeeded(1) { g.summed(to: shapeB) }]
    }
  }

  /// The difference, broadcast.
  public static func - (a: Tensor, b: Tensor) -> Tensor {
    let (shapeA, shapeB) = (a.shape, b.shape)
    return operation(
      "subtract", [a, b], keep: .nothing, value: Kernels.zip(.subtract, a, b, shape: broadcastShape("-", a, b))
    ) { g, saved in
      [saved.ifNeeded(0) { g.summed(to: shapeA) }, saved.ifNeeded(1) { -g.summed(to: shapeB) }]
    }
  }

  /// The product, broadcast.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    return operation(
      "multiply", [a, b], keep: .operands, value: Kernels.zip(.multiply, a, b, shape: broadcastShape("*", a, b))
    ) { g, saved in
      let (a, b) = (saved[0], saved[1])
      return [
        saved.ifNeeded(0) { g.contracted(b, to: a.shape) }, saved.ifNeeded(1) { g.contracted(a, to: b.shape) },
      ]
    }
  }

  /// The broadcast product with `other`, summed to `target`, which is the adjoint of the product. The derivatives of
  /// the trilinear form Σ a·b·c of three broadcast shapes are the product and this operation, to any order.
  func contracted(_ other: Tensor, to target: [Int]) -> Tensor {
    // If nothing is summed, or if one operand must be repeated first, a fused operation has no advantage.
    guard shape == other.shape, shape != target else { return (self * other).summed(to: target) }
    let kept = Array(repeating: 1, count: rank - target.count) + target
    return Tensor.operation(
      "contract", [self, other], keep: .operands, value: Kernels.sum(self, times: other, to: kept).withShape(target)
    ) { g, saved in
      let (a, b) = (saved[0], saved[1])
      return [saved.ifNeeded(0) { b * g }, saved.ifNeeded(1) { a * g }]
    }
  }

  /// The residual sum of two branches of the same shape. It differs from other sums only under
  /// ``BackwardRule/excitation``, where each branch shares the signal in proportion to its positive part.
  public func residualAdd(_ branch: Tensor) -> Tensor {
    precondition(shape == branch.shape, "residualAdd: branches \(shape) and \(branch.shape)")
    return Tensor.operation(
      "join", [self, branch], keep: .operands, value: Kernels.zip(.add, self, branch, shape: shape)
    ) { g, saved in
      guard saved.rule == .excitation else { return [g, g] }
      return Tensor.excitation(g, between: saved[0], saved[1])
    }
  }

  /// This tensor plus `factor` times another tensor of the same shape.
  public func adding(_ other: Tensor, times factor: Double) -> Tensor {
    precondition(
      shape == other.shape && scalarType == other.scalarType, "adding: \(other.shape) to \(shape)")
    return Tensor.operation(
      "addScaled", [self, other], keep: .nothing, value: Kernels.addScaled(self, other, factor)
    ) { g, saved in [g, saved.ifNeeded(1) { g.scaled(factor, onto: $0) }] }
  }

  /// Adds `factor` times another tensor, in place if nothing else uses this tensor's storage. It is not recorded, so
  /// neither of the two may be tracked.
  ///
  /// The other tensor has the same shape, or one more axis in front; its parts along that axis are then added one after
  /// the other.
  public mutating func accumulate(_ other: Tensor, times factor: Double = 1) {
    precondition(
      Array(other.shape.suffix(rank)) == shape && other.rank <= rank + 1 && scalarType == other.scalarType && !isTracked
        && !other.isTracked, "accumulate: \(other) into \(self)")
    var storage = storage
    let (shape, type) = (shape, scalarType)
    self = other  // releases the second reference to the storage
    let out = Storage.isOwn(&storage) ? storage : Storage(bytes: storage.bytes)
    for part in 0..<(other.rank == shape.count ? 1 : other.shape[0]) {
      self = Kernels.addScaled(
        Tensor(storage: part == 0 ? storage : out, shape: shape, scalarType: type), other, part: part, factor, into: out
      )
    }
  }

  /// The quotient, broadcast.
  public static func / (a: Tensor, b: Tensor) -> Tensor {
    let shapeA = a.shape
    return operation(
      "divide", [a, b], keep: .both, value: Kernels.zip(.divide, a, b, shape: broadcastShape("/", a, b))
    ) { g, saved in
      let (b, quotient) = (saved[1], saved.output)
      let derivative = g / b
      return [
        saved.ifNeeded(0) { derivative.summed(to: shapeA) },
        saved.ifNeeded(1) { -(derivative * quotient).summed(to: b.shape) },
      ]
    }
  }

  /// The negative.
  public static prefix func - (x: Tensor) -> Tensor { x * -1 }

  /// Each element times a number.
  public static func * (x: Tensor, factor: Double) -> Tensor { x.scaled(factor, onto: nil) }

  private func scaled(_ factor: Double, onto sum: PartialSum?) -> Tensor {
    Tensor.operation("scale", [self], keep: .nothing, value: added(times: factor, to: sum)) { g, saved in
      [saved.ifNeeded(0) { g.scaled(factor, onto: $0) }]
    }
  }

  /// This tensor times a number, added to `sum` if there is one; not recorded.
  private func added(times factor: Double, to sum: PartialSum?) -> Tensor {
    guard let (sum, isOwn) = sum?.take() else { return Kernels.map(.scale, detached(), factor) }
    return Kernels.addScaled(sum, self, factor, into: isOwn ? sum.storage : nil)
  }

  /// This tensor added to `sum`, in the sum's storage if nothing else uses it; not recorded.
  func added(to sum: PartialSum) -> Tensor {
    Profile.operation("accumulate", arithmetic: 0) { added(times: 1, to: sum) }
  }

  /// Each element times a number.
  public static func * (factor: Double, x: Tensor) -> Tensor { x * factor }
  /// Each element divided by a number.
  public static func / (x: Tensor, divisor: Double) -> Tensor { x * (1 / divisor) }

  /// Each element plus a number.
  public static func + (x: Tensor, term: Double) -> Tensor {
    operation("shift", [x], keep: .nothing, value: Kernels.map(.shift, x, term)) { g, _ in [g] }
  }

  /// A number minus each element.
  public static func - (term: Double, x: Tensor) -> Tensor { x * -1 + term }

  /// Each element minus a number.
  public static func - (x: Tensor, term: Double) -> Tensor { x + (-term) }

  /// `e` to the power of each element.
  public var exp: Tensor {
    Tensor.operation("exp", [self], keep: .output, value: Kernels.exp(self)) { g, saved in
      [g * saved.output]
    }
  }

  /// The natural logarithm.
  public var log: Tensor {
    Tensor.operation("log", [self], keep: .operands, value: Kernels.log(self)) { g, saved in
      [g / saved[0]]
    }
  }

  /// The sigmoid function, 1 / (1 + exp −x).
  public var sigmoid: Tensor {
    Tensor.operation("sigmoid", [self], keep: .both, value: Kernels.sigmoid(self)) { g, saved in
      // One minus the value, without a difference in which digits cancel.
      [g * (saved.output * (-saved[0]).sigmoid)]
    }
  }

  /// erf(x) = 2/√π ∫₀ˣ exp(−t²) dt.
  public var erf: Tensor {
    Tensor.operation("erf", [self], keep: .operands, value: Kernels.erf(self)) { g, saved in
      [g * ((saved[0].squared * -1).exp * (2 / Double.pi.squareRoot()))]
    }
  }

  /// The square root. Its derivatives at 0 are defined as 0.
  public var sqrt: Tensor {
    Tensor.operation("sqrt", [self], keep: .output, value: Kernels.map(.sqrt, self)) { g, saved in
      [g * saved.output.reciprocalOrZero * 0.5]
    }
  }

  /// Returns `1 / x`, or 0 (with derivatives 0) if x is 0 or so small that the quotient overflows. It makes norms
  /// differentiable at the origin.
  public var reciprocalOrZero: Tensor {
    return Tensor.operation("reciprocalOrZero", [self], keep: .output, value: Kernels.map(.reciprocalOrZero, self)) {
      g, saved in
      // The factors are multiplied one by one, so that no intermediate result leaves the range between g and the
      // derivative.
      [-(g * saved.output * saved.output)]
    }
  }

  /// Each element times itself.
  public var squared: Tensor { self * self }

  /// ReLU, the positive part. Its derivative at 0 is 0, and its second derivative is 0 everywhere.
  public var relu: Tensor {
    Tensor.operation("relu", [self], keep: .output, value: Kernels.map(.relu, self)) { g, saved in
      [saved.throughReLU(g)]
    }
  }

  /// The tensor's elements where `gate`, of the same shape, is positive, and 0 elsewhere. The operation is linear in
  /// the tensor, and the gate is a constant.
  public func gated(by gate: Tensor) -> Tensor {
    let gate = gate.detached()
    precondition(gate.shape == shape, "gated(by:): gate \(gate.shape) for \(shape)")
    return Tensor.operation("gate", [self], keep: .nothing, value: Kernels.zip(.gate, self, gate, shape: shape)) {
      g, _ in [g.gated(by: gate)]
    }
  }

  /// The minimum of each element and `limit`; the derivative is 0 for elements at or above the limit.
  public func limited(to limit: Double) -> Tensor {
    Tensor.operation(
      "limit", [self], keep: .operands, value: detached() - (detached() - limit).relu
    ) { g, saved in [saved.rule == .excitation ? g : g.gated(by: limit - saved[0].detached())] }
  }

  /// The absolute value; its derivative at 0 is 0.
  public var abs: Tensor { self * sign }

  /// The sign of each element: -1, 0 or 1; a constant.
  public var sign: Tensor { Kernels.map(.sign, detached()) }

  private static func broadcastShape(_ operation: String, _ a: Tensor, _ b: Tensor) -> [Int] {
    precondition(a.scalarType == b.scalarType, "\(operation): \(a.scalarType) with \(b.scalarType)")
    if a.shape == b.shape { return a.shape }
    let rank = max(a.rank, b.rank)
    return (0..<rank).map { axis in
      let (i, j) = (axis - rank + a.rank, axis - rank + b.rank)
      let (m, n) = (i < 0 ? 1 : a.shape[i], j < 0 ? 1 : b.shape[j])
      precondition(m == n || m == 1 || n == 1, "\(operation): the shapes \(a.shape) and \(b.shape) don't fit")
      return m == 1 ? n : m
    }
  }
}
