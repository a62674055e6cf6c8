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
  /// What is subtracted from the logit of each image's class before it is explained; nil for nothing.
  public let contrast: LogitContrast?

  private struct Pass: Hashable {
    let rule: BackwardRule
    let sign: Double
  }

  private var known: [Pass: [Tensor]] = [:]
  private var contrasted: [LogitContrast: MapRequest] = [:]

  /// Creates a request that shares no passes with other requests.
  public init(
    _ inference: Inference, of classes: [Int], at layers: [String], createGraph: Bool = false,
    contrast: LogitContrast? = nil
  ) {
    (self.inference, self.classes, self.layers, self.createGraph) = (inference, classes, layers, createGraph)
    self.contrast = contrast
  }

  /// The request for maps of the logit less a part of other classes' logits. It shares its passes with all methods that
  /// ask for the same contrast.
  public func contrasted(with contrast: LogitContrast) -> MapRequest {
    if let known = contrasted[contrast] { return known }
    let request = MapRequest(inference, of: classes, at: layers, createGraph: createGraph, contrast: contrast)
    contrasted[contrast] = request
    return request
  }

  /// What is explained of each image: the logit of its class, less the ``contrast``.
  ///
  /// - Parameter logits: [N, classes].
  /// - Returns: N numbers.
  public func explained(_ logits: Tensor) -> Tensor {
    let own = logits.takenAlongLastAxis(classes)
    guard let contrast else { return own }
    let others = contrast.classes.map { logits.takenAlongLastAxis($0) }
    guard let first = others.first else { return own }
    return own - others.dropFirst().reduce(first) { $0 + $1 } * (contrast.strength / Double(others.count))
  }

  /// The activations at the layers, [N, H, W, C] each; they are tracked only if the maps must be differentiable.
  public var activations: [Tensor] { layers.map { inference.activation($0, createGraph) } }

  /// The gradients of each image's logit, less the ``contrast``, with respect to the activations at the layers, [N, H,
  /// W, C] each. There is one backward pass for each rule and sign, even if several methods use it.
  ///
  /// - Parameters:
  ///   - rule: the backward rule for ReLUs and linear layers.
  ///   - sign: the factor of the logit; -1 asks for the negative of the class.
  /// - Returns: the gradients, or what another rule gives instead of them.
  public func gradients(_ rule: BackwardRule = .derivative, sign: Double = 1) -> [Tensor] {
    let pass = Pass(rule: rule, sign: sign)
    if let gradients = known[pass] { return gradients }
    let new = createGraph ? sharedGradients(rule, sign: sign) : ownGradients(at: layers, rule, sign: sign)
    known[pass] = new
    return new
  }

  private func ownGradients(at layers: [String], _ rule: BackwardRule, sign: Double) -> [Tensor] {
    inference.gradients(
      of: explained(inference.output.logits), at: layers, sign: sign, rule: rule, createGraph: createGraph)
  }

  /// The gradients of a pass that other requests for the same classes share.
  private func sharedGradients(_ rule: BackwardRule, sign: Double) -> [Tensor] {
    let key = BackwardPasses.Key(classes: classes, contrast: contrast, rule: rule, sign: sign)
    let gradients = inference.backwardPasses.gradients(key) {
      let kept = inference.output.activations.keys.sorted()
      return Dictionary(uniqueKeysWithValues: zip(kept, ownGradients(at: kept, rule, sign: sign)))
    }
    return layers.map { layer in
      guard let gradient = gradients[layer] else {
        preconditionFailure("MapRequest: the activation of \(layer) was not captured")
      }
      return gradient
    }
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

/// Other classes whose logits are subtracted from that of an explained class.
public struct LogitContrast: Hashable, Sendable {
  /// Other classes, [number][N images].
  public var classes: [[Int]]
  /// The factor of the mean of their logits.
  public var strength: Double

  /// Creates a contrast.
  public init(classes: [[Int]], strength: Double) { (self.classes, self.strength) = (classes, strength) }
}
