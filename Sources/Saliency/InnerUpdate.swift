import Networks
import Tensors

/// The virtual class update: θ' = θ − rate · ∇θ CE(f_θ(image), class), taken before a map is computed
/// ("There and Back Again", section 3.4).
public struct InnerUpdate: Sendable, Hashable {
  /// Whether each image takes an update of its own, as in the paper, or the batch's mean loss gives one for all.
  public enum Scope: String, Sendable, CaseIterable { case image, batch }

  /// Whether the outer gradient runs through the update or holds its gradient constant.
  public enum Order: String, Sendable, CaseIterable { case exact, first }

  /// Whether the step makes the class likelier, or, with the sign turned round (θ' = θ + ε∇), less likely, so that maps show
  /// what speaks against it.
  public enum Direction: String, Sendable, CaseIterable { case towards, away }

  /// What the step lessens: the softmax cross-entropy to the class, or, for networks whose classes do not exclude each other,
  /// −log of the sigmoid of the class's own logit.
  public enum Loss: String, Sendable, CaseIterable {
    /// −log of the softmax at the class.
    case crossEntropy = "cross_entropy"
    /// −log of the sigmoid of the class's own logit.
    case binaryCrossEntropy = "binary_cross_entropy"

    package func callAsFunction(_ logits: Tensor, _ classes: [Int]) -> Tensor {
      self == .crossEntropy ? logits.crossEntropy(to: classes) : (logits.takenAlongLastAxis(classes) * -1).softPlus
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

  /// The network after the update towards `classes`, one per image; the images share one update from their mean loss. Nothing
  /// of it is recorded. The network has tracked parameters. `output` is what it gives for `images`, so that a pass already
  /// made is not made again.
  public func applied(
    to network: Network, _ images: Tensor, _ output: Network.Output, towards classes: [Int]
  ) -> Network {
    Profile.phase(.inner) {
      var (network, logits) = (network, output.logits)
      for step in 0..<steps {
        if step > 0 { logits = network(images).logits }
        let moves = displacements(of: network, logits, towards: classes, share: 1 / Double(classes.count))
        network = network.with(parameters: moved(network.parameters, by: moves).map { $0.tracked() })
      }
      return network.with(parameters: network.parameters.map { $0.detached() })
    }
  }

  /// How far one step moves each of the network's parameters; nil for those that stay.
  ///
  /// - Parameters:
  ///   - network: has tracked parameters.
  ///   - logits: [N, classes], what the network gives for some images.
  ///   - classes: the class that each image's step goes towards.
  ///   - share: how much each image counts: one over the number of those that share the update.
  ///   - createGraph: whether what the step gives is to be differentiated.
  /// - Returns: one tensor per parameter, of its shape and in the network's order.
  package func displacements(
    of network: Network, _ logits: Tensor, towards classes: [Int], share: Double, createGraph: Bool = false
  ) -> [Tensor?] {
    let moves = network.parameterNames.map { name in
      parameters.map { $0.contains { name.matches(pattern: $0) } } ?? true
    }
    let step = (direction == .towards ? -rate : rate) * share
    var found = gradients(
      of: loss(logits, classes), withRespectTo: zip(network.parameters, moves).filter(\.1).map(\.0),
      cotangents: Tensor(repeating: step, shape: [classes.count], logits.scalarType), createGraph: createGraph
    ).makeIterator()
    return moves.map { $0 ? found.next() : nil }
  }

  /// Parameters after a step; not recorded.
  package func moved(_ parameters: [Tensor], by displacements: [Tensor?]) -> [Tensor] {
    zip(parameters, displacements).map { parameter, move in
      move.map { parameter.detached() + $0.detached() } ?? parameter.detached()
    }
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
