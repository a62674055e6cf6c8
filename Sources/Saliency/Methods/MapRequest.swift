import Networks
import Tensors

/// A request for the maps of some images, with everything that a method may use to make them.
public final class MapRequest {
  /// The network and its forward pass over the images, with the activations at the layers.
  public let inference: Inference
  /// The explained class of each image.
  public let classes: [Int]
  /// The names of the layers at which maps are made.
  public let layers: [String]
  /// Whether the maps must be differentiable.
  public let createGraph: Bool

  private struct Pass: Hashable {
    let rule: BackwardRule
    let sign: Double
  }

  private var known: [Pass: [Tensor]] = [:]

  /// Creates a request that shares no passes with other requests.
  public init(_ inference: Inference, of classes: [Int], at layers: [String], createGraph: Bool = false) {
    (self.inference, self.classes, self.layers, self.createGraph) = (inference, classes, layers, createGraph)
  }

  /// The activations at the layers, [N, H, W, C] each; they are tracked only if the maps must be differentiable.
  public var activations: [Tensor] { layers.map { inference.activation($0, createGraph) } }

  /// The gradients of each image's logit with respect to the activations at the layers, [N, H, W, C] each. There is one
  /// backward pass for each rule and sign, even if several methods use it.
  ///
  /// - Parameters:
  ///   - rule: the backward rule for ReLUs and linear layers.
  ///   - sign: the factor of the logit; -1 asks for the negative of the class.
  /// - Returns: the gradients, or what another rule gives instead of them.
  public func gradients(_ rule: BackwardRule = .derivative, sign: Double = 1) -> [Tensor] {
    let pass = Pass(rule: rule, sign: sign)
    if let gradients = known[pass] { return gradients }
    let new = inference.logitGradients(of: classes, at: layers, sign: sign, rule: rule, createGraph: createGraph)
    known[pass] = new
    return new
  }

  /// The record of a convolution of the network; nil at other layers.
  public func convolution(at layer: String) -> CapturedConvolution? {
    let convolution = inference.output.convolutions[layer]
    return createGraph ? convolution : convolution?.detached()
  }

  /// Makes the maps of another method for the same request and shares its passes.
  public func maps(_ method: Method) -> [Tensor] { method.base.maps(self) }

  /// Makes a map for each layer from the layer's activation and gradient alone.
  ///
  /// - Parameters:
  ///   - rule: the backward rule for ReLUs and linear layers.
  ///   - map: makes the map [N, H, W] from activations and gradients, both [N, H, W, C].
  /// - Returns: the maps, in the layers' order.
  public func maps(_ rule: BackwardRule = .derivative, _ map: (_ x: Tensor, _ g: Tensor) -> Tensor) -> [Tensor] {
    zip(layers, gradients(rule)).map { map(inference.activation($0, createGraph), $1) }
  }
}
