import Networks
import Tensors

/// What a saliency method is asked for: maps of some images, with all that it may make them of.
public final class MapRequest {
  /// The network and its answer to the images, with the activations at the layers.
  public let inference: Inference
  /// The class explained of each image.
  public let classes: [Int]
  /// Where maps are made, by the layers' names.
  public let layers: [String]
  /// Whether the maps are to be differentiated.
  public let createGraph: Bool

  private struct Pass: Hashable {
    let rule: BackwardRule
    let sign: Double
  }

  private var known: [Pass: [Tensor]] = [:]

  /// A request that shares no passes with others.
  public init(_ inference: Inference, of classes: [Int], at layers: [String], createGraph: Bool = false) {
    (self.inference, self.classes, self.layers, self.createGraph) = (inference, classes, layers, createGraph)
  }

  /// The activations at the layers, [N, H, W, C] each; recorded only if the maps are to be differentiated.
  public var activations: [Tensor] { layers.map { inference.activation($0, createGraph) } }

  /// The derivatives of each image's logit with respect to the activations at the layers, [N, H, W, C] each. There is one
  /// backward pass for each rule and sign, however many methods ask for it.
  ///
  /// - Parameters:
  ///   - rule: how the backward pass treats ReLUs and linear layers.
  ///   - sign: what the logit is multiplied by: a negative sign asks about what is not the class.
  /// - Returns: the derivatives; by another rule, what takes their place.
  public func gradients(_ rule: BackwardRule = .derivative, sign: Double = 1) -> [Tensor] {
    let pass = Pass(rule: rule, sign: sign)
    if let gradients = known[pass] { return gradients }
    let new = inference.logitGradients(of: classes, at: layers, sign: sign, rule: rule, createGraph: createGraph)
    known[pass] = new
    return new
  }

  /// How the response of a convolution that the network has came about; nil at other layers.
  public func convolution(at layer: String) -> CapturedConvolution? {
    let convolution = inference.output.convolutions[layer]
    return createGraph ? convolution : convolution?.detached()
  }

  /// The maps of another method for the same request, which shares its passes.
  public func maps(_ method: Method) -> [Tensor] { method.base.maps(self) }

  /// One map for each layer, made of the layer's activation and gradient alone.
  ///
  /// - Parameters:
  ///   - rule: how the backward pass treats ReLUs and linear layers.
  ///   - map: makes [N, H, W] of activations and gradients, [N, H, W, C] both.
  /// - Returns: the maps, in the layers' order.
  public func maps(_ rule: BackwardRule = .derivative, _ map: (_ x: Tensor, _ g: Tensor) -> Tensor) -> [Tensor] {
    zip(layers, gradients(rule)).map { map(inference.activation($0, createGraph), $1) }
  }
}
