import MetasalKit

/// What speaks for the class at a location: the positive part of activation times gradient, summed over channels.
struct PositiveContribution: SaliencyMethod {
  let name = "positive_contribution"

  func maps(_ request: MapRequest) -> [Tensor] {
    request.maps { activation, gradient in (activation * gradient).relu.sum([3]) }
  }
}
