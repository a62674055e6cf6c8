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

  /// The maps of one class per image: [N, H, W] for each layer, at the layer's own resolution. The layers are among those
  /// captured. If `createGraph`, the maps can be differentiated.
  public func maps(
    _ method: Method, of classes: [Int], at layers: [String], createGraph: Bool = false
  ) -> [Tensor] { maps([method], of: classes, at: layers, createGraph: createGraph)[0] }

  /// The same for several methods, which share what backward passes they can.
  public func maps(
    _ methods: [Method], of classes: [Int], at layers: [String], createGraph: Bool = false
  ) -> [[Tensor]] {
    let request = MapRequest(self, of: classes, at: layers, createGraph: createGraph)
    return methods.map { request.maps($0) }
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
