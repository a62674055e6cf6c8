import Networks
import Tensors

/// Integrated gradients (Sundararajan et al. 2017): the mean gradient along the straight path from the activation of an
/// image of zeros (the mean color) to the image's activation, times the difference of both activations, summed over
/// channels. The integral is computed by the midpoint rule; each step is a pass through the network.
/// `integrated_gradients:50` states the number of steps.
public struct IntegratedGradients: SaliencyMethod {
  /// The number of steps of the midpoint rule.
  public var steps: Int
  /// The number of steps if the name does not state one.
  public static let usualSteps = 32
  /// The largest number of steps. Each is a pass through the network, whose graph is kept in training.
  private static let mostSteps = 10_000

  /// Creates the method; by default with 32 steps.
  public init(steps: Int = usualSteps) { self.steps = steps }

  public static let named = [(name: "integrated_gradients", method: IntegratedGradients())]

  public var name: String {
    steps == Self.usualSteps ? "integrated_gradients" : "integrated_gradients:\(steps)"
  }

  public static func parse(_ name: MethodName) throws(Method.Malformed) -> IntegratedGradients? {
    guard name.word == "integrated_gradients", name.rest == nil else { return nil }
    return IntegratedGradients(steps: try name.number(of: "steps", upTo: mostSteps, usually: usualSteps))
  }

  public var explainsLogit: Bool { true }

  public func maps(_ request: MapRequest) -> [Tensor] {
    let (network, images) = (request.inference.network, request.inference.images)
    let zeros = Tensor.zeros(images.shape, images.scalarType)
    let baseline = network(zeros, capturing: request.layers)
    return zip(request.layers, request.activations).map { layer, activation in
      guard let start = baseline.activations[layer] else { preconditionFailure("Inference: no layer \(layer)") }
      let from = request.createGraph ? start : start.detached()
      let difference = activation - from
      let derivatives = (0..<steps).map { step in
        let point = from + difference * ((Double(step) + 0.5) / Double(steps))
        let variable = point.isTracked ? point : point.tracked()
        let logits = request.explained(network(images, replacing: [layer: variable]).logits)
        return gradients(of: logits, withRespectTo: [variable], createGraph: request.createGraph)[0]
      }
      let mean = derivatives.dropFirst().reduce(derivatives[0]) { $0 + $1 } / Double(steps)
      return (difference * mean).sum([3])
    }
  }
}

extension Method {
  /// Integrated gradients (Sundararajan et al. 2017).
  public static func integratedGradients(steps: Int) -> Method { Method(IntegratedGradients(steps: steps)) }
}
