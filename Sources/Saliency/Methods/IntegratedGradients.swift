import Networks
import Tensors

/// Integrated gradients (Sundararajan et al. 2017): gradients along the straight path from the activation for an image of zeros
/// (the mean color) to the image's, times the difference of the two, summed over channels. The integral is taken by the midpoint
/// rule with so many steps, each a pass through the network. `integrated_gradients:50` says how many.
public struct IntegratedGradients: SaliencyMethod {
  /// Steps of the midpoint rule.
  public var steps: Int
  /// As many steps as there are if a name says nothing of them.
  public static let usualSteps = 32
  /// A pass through the network each, and with the graph kept in training: more would not end.
  private static let mostSteps = 10_000

  /// With 32 steps unless told otherwise.
  public init(steps: Int = usualSteps) { self.steps = steps }

  public static let named = [(name: "integrated_gradients", method: IntegratedGradients())]

  public var name: String {
    steps == Self.usualSteps ? "integrated_gradients" : "integrated_gradients:\(steps)"
  }

  public static func parse(_ name: MethodName) throws(Method.Malformed) -> IntegratedGradients? {
    guard name.word == "integrated_gradients", name.rest == nil else { return nil }
    return IntegratedGradients(steps: try name.number(of: "steps", upTo: mostSteps, usually: usualSteps))
  }

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
        let logits = network(images, replacing: [layer: variable]).logits.takenAlongLastAxis(request.classes)
        return gradients(of: logits, withRespectTo: [variable], createGraph: request.createGraph)[0]
      }
      let mean = derivatives.dropFirst().reduce(derivatives[0]) { $0 + $1 } / Double(steps)
      return (difference * mean).sum([3])
    }
  }
}

extension Method {
  /// Sundararajan et al. 2017.
  public static func integratedGradients(steps: Int) -> Method { Method(IntegratedGradients(steps: steps)) }
}
