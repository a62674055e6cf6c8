import Networks
import Tensors

/// The saliency methods, by the names that recipes and tables use. Each is an extraction and an aggregation.
public enum Method: String, Sendable, CaseIterable {
  /// Simonyan et al. 2014.
  case gradient
  /// Gradient times activation, summed over channels.
  case linearApproximation = "linear_approximation"
  /// Selvaraju et al. 2017.
  case gradCAM = "grad_cam"
  /// Rebuffi et al. 2020: the norm of the gradient of a virtual 1×1 convolution.
  case normGrad = "normgrad"
  /// Rebuffi et al. 2020, selective: the norm of the positive part of the gradient of a virtual scaling.
  case normGradSelective = "normgrad_selective"

  /// The map [N, H, W] at a layer.
  ///
  /// - Parameters:
  ///   - activation: the layer's activation x, [N, H, W, C].
  ///   - slope: the derivative g of the explained class's logit with respect to it, of the same shape.
  public func map(activation x: Tensor, slope g: Tensor) -> Tensor {
    switch self {
    case .gradient: Extract.bias.map(x, g, .maximumMagnitude)
    case .linearApproximation: Extract.scaling.map(x, g, .sum)
    case .gradCAM: Extract.scaling.map(x, g.mean([1, 2], keepingAxes: true), .sum).rectified
    case .normGrad: Extract.convolution1x1.map(x, g, .norm)
    case .normGradSelective: Extract.scaling.map(x, g, .filteredNorm)
    }
  }
}

extension Network.Output {
  /// The derivatives of one logit per image with respect to activations that were captured.
  ///
  /// - Parameters:
  ///   - classes: the class explained, per image.
  ///   - layers: layers among those captured.
  ///   - keepingGraph: whether the maps made of the result are to be differentiated.
  public func slopes(of classes: [Int], at layers: [String], keepingGraph: Bool = false) -> [Tensor] {
    let captured = layers.map { layer in
      guard let activation = activations[layer] else {
        preconditionFailure("slopes: the activation of \(layer) was not captured")
      }
      return activation
    }
    return gradients(of: logits.picked(classes), withRespectTo: captured, keepingGraph: keepingGraph)
  }

  /// The maps of one class per image, [N, H, W] for each layer, at the layer's own resolution.
  public func maps(
    _ method: Method, of classes: [Int], at layers: [String], keepingGraph: Bool = false
  ) -> [Tensor] {
    zip(layers, slopes(of: classes, at: layers, keepingGraph: keepingGraph)).map { layer, slope in
      let activation = activations[layer] ?? slope
      return method.map(activation: keepingGraph ? activation : activation.detached(), slope: slope)
    }
  }
}
