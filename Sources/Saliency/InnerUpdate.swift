import Networks
import Tensors

/// The virtual class update θ' = θ − rate · ∇θ CE(f_θ(image), class), made before a map is computed ("There and Back
/// Again", section 3.4).
public struct InnerUpdate: Sendable, Hashable {
  /// Whether each image has its own update, as in the paper, or the mean loss of the batch gives one update for all
  /// images.
  public enum Scope: String, Sendable, CaseIterable { case image, batch }

  /// How the outer gradient is differentiated through the update.
  public enum Order: String, Sendable, CaseIterable {
    /// By the graph of the inner gradients, exactly.
    case exact
    /// With the inner gradients held constant (Finn et al. 2017, "Model-Agnostic Meta-Learning", section 5.2).
    case first
    /// By central differences of the inner gradients, which keep no graph of an inner step: for networks too deep for
    /// exact order (as in Liu et al. 2019, "DARTS", section 2.3).
    case finiteDifferences = "finite_differences"
    /// By the implicit function theorem at the minimum of the loss with a proximal term, which the steps are taken to have
    /// reached (Rajeswaran et al. 2019, "Meta-Learning with Implicit Gradients", equation 6): memory does not grow with
    /// the number of steps.
    case implicit
  }

  /// Learned rates: each step's rate is multiplied by factors that are trained by the outer gradient as the network's
  /// parameters are (Li et al. 2017, "Meta-SGD"). They begin at 1, and are kept with the network; see
  /// `Network.rateFactors`.
  public struct LearnedRates: Sendable, Hashable {
    /// Whether each parameter tensor has one factor, or each of its elements.
    public enum Grain: String, Sendable, CaseIterable { case layer, parameter }

    /// What has a factor of its own.
    public var grain = Grain.layer
    /// The learning rate of the factors; nil for the optimizer's.
    public var rate: Double?

    /// Learned rates, by default one factor for each tensor, with the optimizer's learning rate.
    public init(_ grain: Grain = .layer, rate: Double? = nil) { (self.grain, self.rate) = (grain, rate) }

    /// The factors at the beginning of training, 1 for each of a network's parameters: of shape [1], or of the parameter's.
    public func factors(for network: Network) -> [Tensor] {
      network.parameters.map { Tensor(repeating: 1, shape: grain == .layer ? [1] : $0.shape, $0.scalarType) }
    }
  }

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
  /// How the outer gradient is differentiated through the update.
  public var order: Order
  /// Patterns of the names of the parameters that move, in which `*` stands for any characters; nil for all parameters.
  public var parameters: [String]?
  /// The momentum μ of the steps: v ← μv − rate · ∇, θ' ← θ' + v. It acts from the second step on.
  public var momentum: Double
  /// The weight λ of the proximal term λ/2 ‖θ' − θ‖², which is added to the loss. It acts from the second step on.
  public var proximal: Double
  /// The number of conjugate gradient steps of ``Order/implicit``.
  public var solverSteps: Int
  /// Which rates are learned; nil for none.
  public var learnedRates: LearnedRates?

  /// Creates an update; by default one exact step of all parameters for each image.
  public init(
    rate: Double, steps: Int = 1, loss: Loss = .crossEntropy, direction: Direction = .towards, scope: Scope = .image,
    order: Order = .exact, parameters: [String]? = nil, momentum: Double = 0, proximal: Double = 0,
    solverSteps: Int = standardSolverSteps, learnedRates: LearnedRates? = nil
  ) {
    self.rate = rate
    self.steps = steps
    self.loss = loss
    self.direction = direction
    self.scope = scope
    self.order = order
    self.parameters = parameters
    self.momentum = momentum
    self.proximal = proximal
    self.solverSteps = solverSteps
    self.learnedRates = learnedRates
  }

  /// The usual number of conjugate gradient steps, that of Rajeswaran et al. 2019, appendix F.
  public static let standardSolverSteps = 5

  /// Makes the update and returns the moved network. The images share one update, from their mean loss towards
  /// `classes`, one per image. The result is not tracked. The network must have tracked parameters; `output` is its
  /// output for `images`, so that this pass is not repeated.
  public func applied(
    to network: Network, _ images: Tensor, _ output: Network.Output, towards classes: [Int]
  ) -> Network {
    Profile.phase(.inner) {
      var (network, logits) = (network, output.logits)
      var weights = VirtualWeights(self, of: network)
      for step in 0..<steps {
        if step > 0 { logits = network(images).logits }
        weights.move(by: displacements(of: network, logits, towards: classes, share: 1 / Double(classes.count)))
        network = network.with(parameters: weights.values.map { $0.tracked() })
      }
      return network.with(parameters: network.parameters.map { $0.detached() })
    }
  }

  /// Whether each parameter of a network moves.
  package func moves(_ network: Network) -> [Bool] {
    network.parameterNames.map { name in parameters.map { $0.contains { name.matches(pattern: $0) } } ?? true }
  }

  /// Computes the displacement of each parameter in one step; nil for parameters that do not move.
  ///
  /// - Parameters:
  ///   - network: the network, with tracked parameters.
  ///   - logits: the network's logits for some images, [N, classes].
  ///   - classes: the class that each image's step goes towards.
  ///   - share: the weight of each image: one over the number of images that share the update.
  ///   - createGraph: whether the displacements can be differentiated.
  ///   - moves: whether each parameter moves; nil for those that the update names.
  /// - Returns: one tensor per parameter, of its shape and in the network's order, before momentum, the proximal term and
  ///   learned factors of the rate.
  package func displacements(
    of network: Network, _ logits: Tensor, towards classes: [Int], share: Double, createGraph: Bool = false,
    moves: [Bool]? = nil
  ) -> [Tensor?] {
    let moves = moves ?? self.moves(network)
    let step = (direction == .towards ? -rate : rate) * share
    var found = gradients(
      of: loss(logits, classes), withRespectTo: zip(network.parameters, moves).filter(\.1).map(\.0),
      cotangents: Tensor(repeating: step, shape: [classes.count], logits.scalarType), createGraph: createGraph
    ).makeIterator()
    return moves.map { $0 ? found.next() : nil }
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
