import Components
import Saliency
import Tensors

/// Right for the right reasons (Ross, Hughes and Doshi-Velez 2017, equation 1, its second term): the squared gradient of the summed
/// log-probabilities with respect to the input, outside of the annotated objects,
///
///     Σ_d (A_d ∂/∂x_d Σ_k log p_k)²
///
/// where d runs over pixels and channels of the normalized image x, and A is 1 outside of the objects and 0 on them. The prediction then
/// does not change where nothing of the object is. At virtual weights the update is towards the label. No map is made, so `method` and
/// `layers` have no effect.
///
/// An image without an object that counts has the value 0 and no effect on the gradient.
public struct RightReasons: OuterObjective {
  public let name = "right_reasons"
  public let mapDemand: MapDemand? = .place
  /// The weights of the network; the value is the mean over them.
  public var at: [MapWeights]
  /// Whether only the label's objects are right reasons, or all annotated objects.
  public var scope: ObjectScope

  /// Creates the objective; by default for the label's objects, at the network's own weights.
  public init(at: [MapWeights] = [.plain], scope: ObjectScope = .label) { (self.at, self.scope) = (at, scope) }

  public mutating func visit(_ keys: Keys) {
    keys("at", &at, .list(.choice(), atLeast: 1))
    keys("scope", &scope, .choice())
    keys.requireDistinct("at", at.map(\.rawValue))
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: [Self.input], usesVirtualWeights: at.contains(.virtual), usesObjects: true)
  }

  private static let input = "input"

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (pixels, labels) = (images.images, images.labels)
    let outside = ObjectClasses(images, scope).outside(
      height: pixels.shape[1], width: pixels.shape[2], pixels.scalarType)
    return at.map { weights in
      ObjectiveTerm([PassRequest(weights == .plain ? .plain : .virtual(towards: labels), layers: [Self.input])]) {
        passes in
        let logits = passes[0].output.logits
        let sum = logits.sum([1]) - logits.logSumExp() * Double(logits.shape[1])
        return (passes[0].inputGradient(of: sum) * outside).squared.sum([1, 2, 3]) / Double(at.count)
      }
    }
  }
}

extension Inference {
  /// The gradients of values of the images, [N], with respect to the images, whose activation `input` was kept: [N, H, W, C]. They can
  /// be differentiated. Another backward rule gives its own quantity instead of the gradient.
  func inputGradient(of values: Tensor, rule: BackwardRule = .derivative) -> Tensor {
    guard let input = output.activations["input"] else {
      preconditionFailure("Inference: the activation of the input was not captured")
    }
    return gradients(of: values, withRespectTo: [input], rule: rule, createGraph: true)[0]
  }
}
