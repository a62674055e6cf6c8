import Networks
import Tensors

/// The result of a forward pass, from which maps are made.
public struct Inference: Sendable {
  /// The network.
  public let network: Network
  /// The images, [N, H, W, 3], normalized.
  public let images: Tensor
  /// The logits, and the activations at the requested layers.
  public let output: Network.Output
  /// The backward passes that were made for maps that can be differentiated.
  let backwardPasses = BackwardPasses()

  /// Makes a forward pass. The maps can be differentiated with respect to the parameters only if these are tracked.
  ///
  /// - Parameters:
  ///   - network: the network to explain.
  ///   - images: [N, H, W, 3], normalized, of the parameters' scalar type.
  ///   - layers: the names of the layers at which maps can be made; `input` is the images.
  ///   - normalization: the statistics that batch norms use.
  ///   - dropping: what is left out at random; nil for nothing.
  public init(
    _ network: Network, _ images: Tensor, capturing layers: [String], normalization: Pass.Normalization = .running,
    dropping: Dropping? = nil
  ) {
    (self.network, self.images) = (network, images)
    output = network(images, capturing: layers, normalization: normalization, dropping: dropping)
  }

  /// Makes the maps of one class per image: [N, H, W] for each layer, at the layer's own resolution. The layers must be
  /// among those whose activations were kept. With `createGraph` the maps can be differentiated.
  public func maps(
    _ method: Method, of classes: [Int], at layers: [String], createGraph: Bool = false
  ) -> [Tensor] { maps([method], of: classes, at: layers, createGraph: createGraph)[0] }

  /// Makes the maps of several methods, which share backward passes where possible.
  public func maps(
    _ methods: [Method], of classes: [Int], at layers: [String], createGraph: Bool = false
  ) -> [[Tensor]] {
    let request = MapRequest(self, of: classes, at: layers, createGraph: createGraph)
    return methods.map { request.maps($0) }
  }

  /// The gradients of one number per image, made of the logits, with respect to kept activations, [N, H, W, C] each.
  /// Another backward rule gives its own quantity instead of the gradient. A `sign` of -1 asks for the negative.
  func gradients(
    of logits: Tensor, at layers: [String], sign: Double = 1, rule: BackwardRule = .derivative,
    createGraph: Bool = false
  ) -> [Tensor] {
    Tensors.gradients(
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
