/// How cotangents pass ReLUs and linear layers when a graph is differentiated. Saliency methods that change the
/// backward pass are a choice here; the network stays as it is.
///
/// All but ``derivative`` are meant for the networks' own operations: from logits to activations, with batch norm in its
/// running form. What they do is made of recorded operations, so that maps made with them can be differentiated.
public enum BackwardRule: Sendable, Hashable, CaseIterable {
  /// The derivative, everywhere.
  case derivative
  /// A ReLU passes on what is positive of the cotangent, whatever its own input was (Zeiler and Fergus 2014).
  case deconvolution
  /// A ReLU passes on what is positive of the cotangent, where its input was positive (Springenberg et al. 2015).
  case guided
  /// The cotangent is a signal that each unit hands down to those that excite it, in proportion to activation times
  /// positive weight, so that its sum stays (Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop").
  /// ReLUs pass it on, maxima send it to the largest, biases take none. A negative signal is one that meets the
  /// weights with their signs turned round: "not" in the contrastive form, and what a batch norm with a negative scale
  /// does to the layer before.
  case excitation
}

extension Saved {
  /// A cotangent on its way back through a ReLU whose output was kept.
  func throughReLU(_ g: Tensor) -> Tensor {
    switch rule {
    case .derivative: g.gated(by: output)
    case .deconvolution: g.relu
    case .guided: g.relu.gated(by: output)
    case .excitation: g
    }
  }
}

extension Tensor {
  /// The signal at the input x of a linear layer, from the signal at its response: x⁺ ⊙ W⁺ᵀ(p / W⁺x⁺), with W⁻ in place of
  /// W⁺ for what of the signal is negative.
  ///
  /// - Parameters:
  ///   - signal: at the layer's response.
  ///   - x: the layer's input.
  ///   - weights: the layer's weights.
  ///   - response: the layer with other weights.
  ///   - adjoint: its adjoint, of weights and a cotangent.
  /// - Returns: the signal at the input.
  static func excitation(
    _ signal: Tensor, from x: Tensor, through weights: Tensor, response: (Tensor, Tensor) -> Tensor,
    adjoint: (Tensor, Tensor) -> Tensor
  ) -> Tensor {
    let x = x.relu
    func part(_ signal: Tensor, _ weights: Tensor) -> Tensor {
      x * adjoint(weights, signal * response(x, weights).reciprocalOrZero)
    }
    let negative = (-signal).relu
    let positive = part(signal.relu, weights.relu)
    return negative.sum().item == 0 ? positive : positive + part(negative, (-weights).relu)
  }

  /// The same for a layer whose weights are constant and positive, which a signal passes with its sign.
  static func excitation(
    _ signal: Tensor, from x: Tensor, response: (Tensor) -> Tensor, adjoint: (Tensor) -> Tensor
  ) -> Tensor {
    let x = x.relu
    return x * adjoint(signal * response(x).reciprocalOrZero)
  }

  /// The signals of two branches that were added.
  static func excitation(_ signal: Tensor, between a: Tensor, _ b: Tensor) -> [Tensor] {
    let (a, b) = (a.relu, b.relu)
    let share = signal * (a + b).reciprocalOrZero
    return [share * a, share * b]
  }
}
