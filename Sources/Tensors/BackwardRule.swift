/// The rule by which cotangents pass ReLUs and linear layers when a graph is differentiated. Saliency methods that
/// modify the backward pass select a rule here; the network stays the same.
///
/// All rules except ``derivative`` are meant for a network's own operations from logits to activations, with batch
/// norms in their running form. They are made of recorded operations, so that maps made with them can be
/// differentiated.
public enum BackwardRule: Sendable, Hashable, CaseIterable {
  /// The derivative of every operation.
  case derivative
  /// A ReLU passes on the positive part of the cotangent, whatever the ReLU's input was (Zeiler and Fergus 2014).
  case deconvolution
  /// A ReLU passes on the positive part of the cotangent where the ReLU's input was positive (Springenberg et al.
  /// 2015).
  case guided
  /// The cotangent is a signal that each unit distributes to its inputs in proportion to activation times positive
  /// weight, so that its sum is preserved (Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop"). A
  /// ReLU passes it on, max pooling sends it to the maximum, and biases receive nothing. A negative signal uses the
  /// negative weights instead: it arises for "not the class" in the contrastive form, and at a batch norm with a
  /// negative scale.
  case excitation
}

extension Saved {
  /// The cotangent at the input of a ReLU whose output was kept.
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
  /// The signal at the input x of a linear layer, from the signal p at its output: x⁺ ⊙ W⁺ᵀ(p / W⁺x⁺). The negative
  /// part of the signal uses W⁻ in place of W⁺.
  ///
  /// - Parameters:
  ///   - signal: the signal at the layer's output.
  ///   - x: the layer's input.
  ///   - weights: the layer's weights.
  ///   - response: the layer's output for an input and weights.
  ///   - adjoint: the layer's adjoint, for weights and a cotangent.
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

  /// The signal at the input of a linear layer whose weights are constant and positive. The signal keeps its sign.
  static func excitation(
    _ signal: Tensor, from x: Tensor, response: (Tensor) -> Tensor, adjoint: (Tensor) -> Tensor
  ) -> Tensor {
    let x = x.relu
    return x * adjoint(signal * response(x).reciprocalOrZero)
  }

  /// The signals at two branches that were added.
  static func excitation(_ signal: Tensor, between a: Tensor, _ b: Tensor) -> [Tensor] {
    let (a, b) = (a.relu, b.relu)
    let share = signal * (a + b).reciprocalOrZero
    return [share * a, share * b]
  }
}
