import MetasalKit

/// The L2 norm over channels of the activations that speak for the class: those whose gradient is positive.
struct GatedNorm: SaliencyMethod {
  let name = "gated_norm"

  func maps(_ request: MapRequest) -> [Tensor] {
    zip(request.activations, request.gradients()).map { activation, gradient in
      activation.gated(by: gradient).norm([3])
    }
  }
}
