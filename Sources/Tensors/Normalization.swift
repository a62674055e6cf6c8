/// Batch normalization with constant statistics, fused with the ReLU and the residual sum that follow it.
///
/// Its derivatives consist of three operations: this one, the product x̂ ⊙ w with x̂ = (x − center) / std, and the sum
/// Σ g ⊙ x̂ over locations. The last two are each other's derivatives, with or without the center.
extension Tensor {
  /// Computes (x − mean) · rate · weight + bias + residual over the last axis and, if `relu`, its positive part.
  ///
  /// - Parameters:
  ///   - mean: the mean, [C]; a constant.
  ///   - rate: one over the std, [C]; a constant.
  ///   - weight: the scale, [C], or [N, C] for one per image.
  ///   - bias: the shift, [C], or [N, C] for one per image.
  ///   - residual: a residual to add, of this tensor's shape.
  ///   - relu: whether a ReLU follows.
  /// - Returns: a tensor of this one's shape.
  public func normalized(
    mean: Tensor, rate: Tensor, weight: Tensor, bias: Tensor, residual: Tensor? = nil, relu: Bool = false
  ) -> Tensor {
    let (channels, vectors) = ([shape[rank - 1]], weight.shape)
    for (vector, expected) in [(mean, channels), (rate, channels), (weight, vectors), (bias, vectors)] {
      precondition(vector.shape == expected, "normalized: a vector \(vector.shape) for the channels of \(shape)")
    }
    precondition(fits(vectors), "normalized: vectors \(vectors) for the channels of \(shape)")
    precondition(residual?.shape ?? shape == shape, "normalized: a residual \(residual?.shape ?? []) for \(shape)")
    let (mean, rate, adds) = (mean.detached(), rate.detached(), residual != nil)
    let statistics = Statistics(center: mean, rate: rate)
    return Tensor.operation(
      "normalize", [self, weight, bias] + (residual.map { [$0] } ?? []), keep: relu ? .both : .operands,
      value: Kernels.standardize(
        self, center: mean, scale: Kernels.zip(.multiply, weight, rate, shape: vectors), shift: bias,
        residual: residual, relu: relu)
    ) { g, saved in
      let g = relu ? saved.throughReLU(g) : g
      if saved.rule == .excitation {
        func own() -> Tensor { saved[0].normalized(mean: mean, rate: rate, weight: saved[1], bias: saved[2]) }
        let signals = adds ? Tensor.excitation(g, between: own(), saved[3]) : [g]
        // A negative scale turns the signs of the weights before it, as seen from the layers after it.
        let parts: [Tensor?] = [signals[0] * saved[1].sign.overChannels(of: signals[0]), nil, nil]
        return parts + signals.dropFirst().map { $0 as Tensor? }
      }
      return [
        saved.ifNeeded(0) { g.standardizedProduct(saved[1], statistics.centred, onto: $0) },
        saved.ifNeeded(1) { saved[0].standardizedSum(g, statistics, to: vectors) },
        saved.ifNeeded(2) { g.summedOverLocations(to: vectors) },
      ] + (adds ? [g] : [])
    }
  }

  /// Computes x + bias over the last axis and, if `relu`, its positive part. The bias is [C], or [N, C] for one per
  /// image.
  public func biased(by bias: Tensor, relu: Bool = false) -> Tensor {
    let vectors = bias.shape
    precondition(fits(vectors), "biased: \(vectors) for the channels of \(shape)")
    return Tensor.operation(
      "bias", [self, bias], keep: relu ? .output : .nothing,
      value: Kernels.standardize(
        self, center: nil, scale: .ones(vectors, scalarType), shift: bias, relu: relu)
    ) { g, saved in
      let g = relu ? saved.throughReLU(g) : g
      return [g, saved.rule == .excitation ? nil : saved.ifNeeded(1) { g.summedOverLocations(to: vectors) }]
    }
  }

  /// Reshapes this vector, [C] or [N, C], so that it broadcasts over an image [N, …, C].
  public func overChannels(of image: Tensor) -> Tensor {
    rank == 1 ? self : reshaped([shape[0]] + Array(repeating: 1, count: image.rank - 2) + [shape[1]])
  }

  /// Whether vectors of this shape, [C] or [N, C], fit the channels of this image.
  private func fits(_ vectors: [Int]) -> Bool {
    vectors == [shape[rank - 1]] || vectors == [shape[0], shape[rank - 1]]
  }

  /// The adjoint of broadcasting vectors of this shape, [C] or [N, C], over the image.
  private func summedOverLocations(to vectors: [Int]) -> Tensor {
    if vectors.count == 1 { return summed(to: vectors) }
    return sum(Array(1..<(rank - 1)))
  }

  struct Statistics: Sendable {
    /// The center; nil for 0.
    let center: Tensor?
    let rate: Tensor
    /// The statistics without a center, for derivatives.
    var centred: Statistics { Statistics(center: nil, rate: rate) }
  }

  /// Computes x̂ ⊙ w, where w is [C] or [N, C].
  func standardizedProduct(_ weight: Tensor, _ statistics: Statistics, onto sum: PartialSum? = nil) -> Tensor {
    Tensor.operation(
      "standardizedProduct", [self, weight], keep: .operands,
      value: Kernels.standardize(
        self, center: statistics.center,
        scale: Kernels.zip(.multiply, weight, statistics.rate, shape: weight.shape), onto: sum)
    ) { g, saved in
      [
        saved.ifNeeded(0) { g.standardizedProduct(saved[1], statistics.centred, onto: $0) },
        saved.ifNeeded(1) { saved[0].standardizedSum(g, statistics, to: saved[1].shape) },
      ]
    }
  }

  /// Computes Σ g ⊙ x̂ over all axes but the last, to [C], or over all but the first and the last, to [N, C].
  func standardizedSum(_ g: Tensor, _ statistics: Statistics, to vectors: [Int]) -> Tensor {
    Tensor.operation(
      "standardizedSum", [self, g], keep: .operands,
      value: Kernels.zip(
        .multiply, Kernels.sumOfStandardized(self, center: statistics.center, times: g, to: vectors), statistics.rate,
        shape: vectors)
    ) { v, saved in
      [
        saved.ifNeeded(0) { saved[1].standardizedProduct(v, statistics.centred, onto: $0) },
        saved.ifNeeded(1) { saved[0].standardizedProduct(v, statistics, onto: $0) },
      ]
    }
  }
}
