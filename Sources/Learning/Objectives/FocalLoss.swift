import Components
import Saliency
import Tensors

/// The focal loss (Lin et al. 2017, "Focal Loss for Dense Object Detection", section 3.2), which lets examples that are
/// classified well count little: the mean over classes of −α (1 − p)^γ log p for a positive target and −(1 − α) p^γ log(1 −
/// p) for a negative one, with p = σ(z), as torchvision's `sigmoid_focal_loss`. A soft target
/// gives the mean of both.
public struct FocalLoss: TaskLoss, Equatable {
  public let name = "focal"
  /// γ; 0 for binary cross-entropy.
  public var gamma: Double
  /// α; nil for a weight of 1 for both.
  public var alpha: Double?

  /// Creates the objective with the paper's settings.
  public init(gamma: Double = 2, alpha: Double? = 0.25) { (self.gamma, self.alpha) = (gamma, alpha) }

  public mutating func visit(_ keys: Keys) {
    keys("gamma", &gamma, .number(0...100))
    keys("alpha", &alpha, .optional(.share, none: "none"))
  }

  func value(_ logits: Tensor, _ targets: Tensor) -> Tensor {
    // log p is −softplus(−z), and p^γ is exp(γ log p), which has no singular derivative where p is nearly 0.
    let (missed, alarmed) = ((logits * -1).softPlus, logits.softPlus)
    let positive = (alarmed * -gamma).exp * missed * targets
    let negative = (missed * -gamma).exp * alarmed * (1 - targets)
    guard let alpha else { return (positive + negative).mean([1]) }
    return (positive * alpha + negative * (1 - alpha)).mean([1])
  }
}
