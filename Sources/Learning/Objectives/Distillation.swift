import Components
import Saliency
import Tensors

/// The divergence of the network's outputs from those of the network that the run starts from, for the same images. It keeps what the
/// network knows while other objectives change its maps.
///
/// With logits z, those z₀ of the starting network, and temperature T it is T² KL(softmax(z₀ / T) ‖ softmax(z / T)), the
/// distillation loss of Hinton, Vinyals and Dean 2015 ("Distilling the Knowledge in a Neural Network", section 2) less the entropy of the
/// starting network's probabilities, which is a constant. T² keeps the size of the gradient independent of T. For networks whose classes do
/// not exclude each other it is T² times the mean over classes of KL(σ(z₀ / T) ‖ σ(z / T)), the divergence of two Bernoulli
/// distributions.
///
/// The starting network normalizes with its running statistics, the trained one as in training.
public struct Distillation: OuterObjective {
  /// The probabilities that logits stand for: those of classes that exclude each other, or of each class by itself.
  public enum Loss: String, Sendable, CaseIterable { case softmax, sigmoid }

  public let name = "distillation"
  /// T: at higher temperatures the ratios of small probabilities count more.
  public var temperature: Double
  /// The probabilities that logits stand for; `sigmoid` for a network that is trained by binary cross-entropy.
  public var loss: Loss

  /// Creates the objective. The temperature is by default 2, as for keeping the outputs of an earlier network in "Learning without
  /// Forgetting" (Li and Hoiem 2017, section 3).
  public init(temperature: Double = 2, loss: Loss = .softmax) { (self.temperature, self.loss) = (temperature, loss) }

  public mutating func visit(_ keys: Keys) {
    keys("temperature", &temperature, .number(0.01...1000))
    keys("loss", &loss, .choice())
  }

  public func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(normalizesAsTraining: true, usesReference: true)
  }

  public func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    guard let reference = images.reference?.output.logits.detached() else {
      preconditionFailure("Distillation: there is no pass of the starting network")
    }
    return [ObjectiveTerm([PassRequest()]) { value($0[0].output.logits, reference) }]
  }

  /// The value for logits [N, classes] of both networks: [N].
  func value(_ logits: Tensor, _ reference: Tensor) -> Tensor {
    let (own, target) = (logits / temperature, reference / temperature)
    switch loss {
    case .softmax:
      func logProbabilities(_ logits: Tensor) -> Tensor { logits - logits.logSumExp().reshaped([-1, 1]) }
      let terms = target.softmax() * (logProbabilities(target) - logProbabilities(own))
      return terms.sum([1]) * (temperature * temperature)
    case .sigmoid:
      let probabilities = target.sigmoid
      return
        (own.binaryCrossEntropy(toSoftTargets: probabilities)
        - target.binaryCrossEntropy(toSoftTargets: probabilities)) * (temperature * temperature)
    }
  }
}
