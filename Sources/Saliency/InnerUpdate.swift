import Networks
import Tensors

/// The virtual class update θ' = θ − rate · ∇θ CE(f_θ(image), class), made before a map is computed ("There and Back
/// Again", section 3.4).
public struct InnerUpdate: Sendable, Hashable {
  /// Whether each image has its own update, as in the paper, or the mean loss of the batch gives one update for all
  /// images.
  public enum Scope: String, Sendable, CaseIterable { case image, batch }

  /// Whether the outer gradient is differentiated through the update or treats the inner gradient as a constant.
  public enum Order: String, Sendable, CaseIterable { case exact, first }

  /// Whether the step makes the class more likely or, with the opposite sign (θ' = θ + ε∇), less likely. In the second
  /// case the maps show evidence against the class.
  public enum Direction: String, Sendable, CaseIterable { case towards, away }

  /// The loss that the step reduces.
  public enum Loss: String, Sendable, CaseIterable {
    /// Softmax cross-entropy: −log of the softmax at the class.
    case crossEntropy = "cross_entropy"
    /// Binary cross-entropy: −log of the sigmoid of the class's logit, for networks whose classes do not exclude each
    /// other.
    case binaryCrossEntropy = "binary_cross_entropy"

    package func callAsFunction(_ logits: Tensor, _ classes: [Int]) -> Tensor {
      self == .crossEntropy ? logits.crossEntropy(to: classes) : (logits.takenAlongLastAxis(classes) * -1).softPlus
    }
  }

  /// The step size ε; 0.0025 is usual for ImageNet networks.
  public var rate: Double
  /// The number of gradient steps, at least one.
  public var steps: Int
  /// The loss that the steps reduce.
  public var loss: Loss
  /// Whether the steps go towards the class or away from it.
  public var direction: Direction
  /// Whether each image or each batch has an update.
  public var scope: Scope
  /// Whether the outer gradient is differentiated through the update.
  public var order: Order
  /// Patterns of the names of the parameters that move, in which `*` stands for any characters; nil for all parameters.
  public var parameters: [String]?

  /// Creates an update; by default one exact step of all parameters for each image.
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

  /// Makes the update and returns the moved network. The images share one update, from their mean loss towards
  /// `classes`, one per image. The result is not tracked. The network must have tracked parameters; `output` is its
  /// output for `images`, so that this pass is not repeated.
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

  /// Computes the displacement of each parameter in one step; nil for parameters that do not move.
  ///
  /// - Parameters:
  ///   - network: the network, with tracked parameters.
  ///   - logits: the network's logits for some images, [N, classes].
  ///   - classes: the class that each image's step goes towards.
  ///   - share: the weight of each image: one over the number of images that share the update.
  ///   - createGraph: whether the displacements can be differentiated.
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

  /// Adds displacements to parameters; the result is not tracked.
  package func moved(_ parameters: [Tensor], by displacements: [Tensor?]) -> [Tensor] {
    zip(parameters, displacements).map { parameter, move in
      move.map { parameter.detached() + $0.detached() } ?? parameter.detached()
    }
  }
}

extension String {
  /// Whether the whole string matches a pattern, in which `*` stands for any characters, also none.
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
