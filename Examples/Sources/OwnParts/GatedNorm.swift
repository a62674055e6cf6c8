import MetasalKit

/// The L2 norm over channels of those activations whose gradient is positive, that is, of the evidence for the class.
struct GatedNorm: SaliencyMethod {
  let name = "gated_norm"

  func maps(_ request: MapRequest) -> [Tensor] {
    zip(request.activations, request.gradients()).map { activation, gradient in
      activation.gated(by: gradient).norm([3])
    }
  }
}
