import Networks
import Tensors

/// The virtual class update: θ' = θ − rate · ∇θ CE(f_θ(image), class), taken before a map is computed
/// ("There and Back Again", section 3.4).
public struct InnerUpdate: Sendable, Equatable {
  /// Whether each image takes an update of its own, as in the paper, or the batch's mean loss gives one for all.
  public enum Scope: String, Sendable, CaseIterable { case image, batch }

  /// Whether the outer gradient runs through the update or holds its gradient constant.
  public enum Order: String, Sendable, CaseIterable { case exact, first }

  /// Whether the step makes the class likelier, or, with the sign turned round (θ' = θ + ε∇), less likely, so that maps show
  /// what speaks against it.
  public enum Direction: String, Sendable, CaseIterable { case towards, away }

  /// What the step lessens: the softmax cross-entropy to the class, or, for networks whose classes do not exclude each other,
  /// −log of the logistic function of the class's own logit.
  public enum Loss: String, Sendable, CaseIterable {
    case crossEntropy = "cross_entropy"
    case binaryCrossEntropy = "binary_cross_entropy"

    func callAsFunction(_ logits: Tensor, _ classes: [Int]) -> Tensor {
      self == .crossEntropy ? logits.crossEntropy(to: classes) : (logits.picked(classes) * -1).softPlus
    }
  }

  /// The step's length ε; 0.0025 is usual on ImageNet networks.
  public var rate: Double
  /// Gradient steps, at least one.
  public var steps: Int
  /// What it descends.
  public var loss: Loss
  /// Towards the class or away from it.
  public var direction: Direction
  /// What shares an update.
  public var scope: Scope
  /// How the outer gradient sees the update.
  public var order: Order
  /// Patterns (`*` stands for any characters) of the parameters that move; nil for all.
  public var parameters: [String]?

  /// One exact step of all parameters for each image, unless told otherwise.
  public init(
    rate: Double, steps: Int = 1, loss: Loss = .crossEntropy, direction: Direction = .towards, scope: Scope = .image,
    order: Order = .exact,
    parameters: [String]? = nil
  ) {
    self.rate = rate
    self.steps = steps
    self.loss = loss
    self.direction = direction
    self.scope = scope
    self.order = order
    self.parameters = parameters
  }

  /// The network after the update towards `classes`, one per image; the images share one update from their mean loss.
  ///
  /// - Parameters:
  ///   - network: has tracked parameters.
  ///   - output: what the network gives for `images`, so that a pass already made is not made again.
  ///   - layers: activations to capture on the way, so that further steps can be like the first.
  ///   - isDifferentiated: whether anyone will differentiate through the result; if not, nothing is recorded.
  public func applied(
    to network: Network, _ images: Tensor, _ output: Network.Output, towards classes: [Int],
    isDifferentiated: Bool = true
  ) -> Network {
    Profile.phase(.inner) { moved(network, images, output, classes, isDifferentiated) }
  }

  private func moved(
    _ network: Network, _ images: Tensor, _ output: Network.Output, _ classes: [Int], _ isDifferentiated: Bool
  ) -> Network {
    let moves = network.parameterNames.map { name in
      parameters.map { $0.contains { name.matches(pattern: $0) } } ?? true
    }
    var (network, logits) = (network, output.logits)
    let move = direction == .towards ? -rate : rate
    for step in 0..<steps {
      if step > 0 { logits = network(images).logits }
      let parameters = network.parameters
      let moving = zip(parameters, moves).filter(\.1).map(\.0)
      let slopes = gradients(
        of: loss(logits, classes).mean(), withRespectTo: moving,
        keepingGraph: isDifferentiated && order == .exact)
      var next = slopes.makeIterator()
      network = network.with(
        parameters: zip(parameters, moves).map { parameter, moves in
          guard moves, let slope = next.next() else { return parameter }
          // Without an outer derivative, fresh variables keep the graph from growing with the steps.
          return isDifferentiated
            ? parameter.adding(slope, times: move) : parameter.detached().adding(slope, times: move).tracked()
        })
    }
    return isDifferentiated ? network : network.with(parameters: network.parameters.map { $0.detached() })
  }
}

extension String {
  /// Whether the whole string fits a pattern in which `*` stands for any characters, none included.
  public func matches(pattern: String) -> Bool {
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return self == pattern }
    guard hasPrefix(parts[0]), let last = parts.last else { return false }
    var rest = dropFirst(parts[0].count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let range = rest.firstRange(of: part) else { return false }
      rest = rest[range.upperBound...]
    }
    return rest.count >= last.count && rest.hasSuffix(last)
  }
}
