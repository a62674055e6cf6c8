import Networks
import Tensors

/// A network's answer to images, ready to be explained.
public struct Inference: Sendable {
  /// The network, as the maps see it.
  public let network: Network
  /// [N, H, W, 3], normalized.
  public let images: Tensor
  /// Logits, and the activations at the layers of interest.
  public let output: Network.Output

  /// One forward pass. To differentiate maps with respect to the network's parameters, these must be tracked.
  ///
  /// - Parameters:
  ///   - network: what is explained.
  ///   - images: [N, H, W, 3], normalized, of the parameters' type.
  ///   - layers: layers whose maps will be asked for, by name; `input` is the images.
  ///   - normalization: how batch norms normalize.
  public init(
    _ network: Network, _ images: Tensor, capturing layers: [String], normalization: Pass.Normalization = .running
  ) {
    (self.network, self.images) = (network, images)
    output = network(images, capturing: layers, normalization: normalization)
  }

  /// The maps of one class per image: [N, H, W] for each layer, at the layer's own resolution.
  ///
  /// - Parameters:
  ///   - layers: among those captured.
  ///   - createGraph: whether the maps are to be differentiated.
  public func maps(
    _ method: Method, of classes: [Int], at layers: [String], createGraph: Bool = false
  ) -> [Tensor] { maps([method], of: classes, at: layers, createGraph: createGraph)[0] }

  /// The same for several methods, which share what backward passes they can.
  public func maps(
    _ methods: [Method], of classes: [Int], at layers: [String], createGraph: Bool = false
  ) -> [[Tensor]] {
    var known = [BackwardRule: [Tensor]]()
    func gradient(_ rule: BackwardRule) -> [Tensor] {
      if let gradients = known[rule] { return gradients }
      let new = self.logitGradients(of: classes, at: layers, rule: rule, createGraph: createGraph)
      known[rule] = new
      return new
    }
    return methods.map { method in
      switch method.kind {
      case .pair(let pair):
        return zip(layers, gradient(pair.rule)).map { layer, g in
          let convolution = output.convolutions[layer]
          return pair.extract.map(
            activation(layer, createGraph), g, pair.aggregate,
            of: createGraph ? convolution : convolution?.detached())
        }
      case .classActivation(let weights):
        return zip(layers, gradient(.derivative)).map { layer, g in weights.map(activation(layer, createGraph), g) }
      case .excitation: return gradient(.excitation).map { $0.sum([3]) }
      case .contrastiveExcitation:
        // Signals add up, so that the difference may be taken at the layer itself.
        let negation = self.logitGradients(
          of: classes, at: layers, sign: -1, rule: .excitation, createGraph: createGraph)
        return zip(gradient(.excitation), negation).map { ($0.sum([3]) - $1.sum([3])).relu }
      case .integratedGradients(let steps): return integratedGradients(steps, of: classes, at: layers, createGraph)
      case .rise(let masks):
        let map = rise(masks, of: classes, createGraph)
        return layers.map { _ in map }
      case .smooth(let inner, let samples): return smoothed(inner, samples, of: classes, at: layers, createGraph)
      case .competitive(let inner, let rivals): return winners(inner, rivals, of: classes, at: layers, createGraph)
      }
    }
  }

  /// The derivatives of one logit per image with respect to activations that were captured, [N, H, W, C] each; with another
  /// rule, what takes their place. A negative sign asks about what is not the class.
  func logitGradients(
    of classes: [Int], at layers: [String], sign: Double = 1, rule: BackwardRule = .derivative,
    createGraph: Bool = false
  ) -> [Tensor] {
    let logits = output.logits.takenAlongLastAxis(classes)
    return gradients(
      of: logits, withRespectTo: layers.map { activation($0, true) },
      cotangents: Tensor(repeating: sign, shape: logits.shape, logits.scalarType), rule: rule, createGraph: createGraph
    )
  }

  func activation(_ layer: String, _ createGraph: Bool) -> Tensor {
    guard let activation = output.activations[layer] else {
      preconditionFailure("Inference: the activation of \(layer) was not captured")
    }
    return createGraph ? activation : activation.detached()
  }
}

extension Method.ChannelWeights {
  /// The map [N, H, W] of activations x and gradients g, both [N, H, W, C].
  func map(_ x: Tensor, _ g: Tensor) -> Tensor {
    switch self {
    case .mean: return (g.mean([1, 2], keepDims: true) * x).sum([3]).relu
    case .local: return (g.relu * x).sum([3]).relu
    case .higherOrder:
      // Equation 19, g² / (2 g² + g³ Σ x), of which the squares cancel. Where g is 0 so is the weight.
      let share = (g * x.sum([1, 2], keepDims: true) + 2).reciprocalPastZero
      return ((share * g.relu).sum([1, 2], keepDims: true) * x).sum([3]).relu
    }
  }
}

extension Tensor {
  /// `1 / x`, but less than 0.1 from 0, where it has its pole, the straight line 100 x between its two arms.
  ///
  /// Grad-CAM++ divides by 2 + g Σ x, which is at least 2 where it counts, at positive g, unless a channel's activations
  /// add up to less than 0, as only those that no ReLU has made non-negative can. There the formula has a pole for which the paper has
  /// no meaning. On the line value and derivative stay bounded, and the value at the pole itself is 0.
  fileprivate var reciprocalPastZero: Tensor {
    let width = 0.1
    let isNear = (width - detached().magnitude).relu.sign
    return (self * (1 - isNear)).reciprocalOrZero + self * isNear * (1 / (width * width))
  }
}
