import Components
import Networks
import Saliency
import Tensors

/// How an optimizer updates one parameter.
public struct ParameterUpdate: Sendable, Equatable {
  /// The learning rate; 0 for a frozen parameter.
  public var rate: Double
  /// The weight decay λ; nil for the optimizer's own.
  public var weightDecay: Double?

  /// An update, by default with the optimizer's own weight decay.
  public init(rate: Double, weightDecay: Double? = nil) { (self.rate, self.weightDecay) = (rate, weightDecay) }
}

/// Parameters that an optimizer treats alike: those whose names match one of some patterns.
public struct ParameterGroup: Sendable, Hashable, Section {
  /// Patterns of parameter names, in which `*` stands for any characters.
  public var parameters: [String] = []
  /// The factor of the learning rate; a factor of 0 freezes the group.
  public var rateFactor = 1.0
  /// The weight decay λ; nil for the optimizer's own.
  public var weightDecay: Double?

  /// A group of no parameters.
  public init() {}

  /// A group of the parameters that match one of the patterns.
  public init(_ parameters: [String], rateFactor: Double = 1, weightDecay: Double? = nil) {
    (self.parameters, self.rateFactor, self.weightDecay) = (parameters, rateFactor, weightDecay)
  }

  public mutating func visit(_ keys: Keys) {
    keys("parameters", &parameters, .list(.word, atLeast: 1), isRequired: true)
    keys("rate_factor", &rateFactor, .number(0...1000))
    keys("weight_decay", &weightDecay, .optional(.number(0...1000)))
  }
}

/// The parameters that an optimizer moves, and the learning rate and the weight decay of each.
///
/// A frozen parameter keeps its value, and its gradient is not computed either, which saves much of a step's time where
/// the first layers of a network are frozen.
public struct ParameterGroups: Sendable, Equatable {
  /// Groups with settings of their own. A parameter belongs to the first group whose pattern its name matches; one that
  /// matches none has the optimizer's settings.
  public var groups: [ParameterGroup]
  /// Patterns of the names of the parameters that are trained; all others are frozen. Nil for all parameters.
  public var trainable: [String]?
  /// The factor of the learning rate from each block of the network to the block before it, as in layer-wise learning
  /// rate decay (Clark et al. 2020, "ELECTRA", section 3.1): the last block has the optimizer's rate. A block
  /// is a numbered part of the network, such as `layer3.0`, or a layer outside of these.
  public var layerDecay: Double
  /// Whether weight decay acts on biases and on the scales of norms too, as in PyTorch, or only on parameters with more
  /// than one axis, as is usual for networks that are trained from scratch.
  public var decaysBiasesAndNorms: Bool

  /// Creates groups; by default all parameters are treated alike.
  public init(
    _ groups: [ParameterGroup] = [], trainable: [String]? = nil, layerDecay: Double = 1,
    decaysBiasesAndNorms: Bool = true
  ) {
    (self.groups, self.trainable, self.layerDecay) = (groups, trainable, layerDecay)
    self.decaysBiasesAndNorms = decaysBiasesAndNorms
  }

  /// Visits the keys, which stand beside those of the optimizer.
  public mutating func visit(_ keys: Keys) {
    keys("groups", &groups, .list(.section()))
    keys("trainable", &trainable, .optional(.list(.word, atLeast: 1), none: "all"))
    keys("layer_decay", &layerDecay, .number(0.01...1))
    keys("decay_biases_and_norms", &decaysBiasesAndNorms, .boolean)
  }

  /// The names of the parameters that keep their values.
  public func frozen(of network: Network) -> Set<String> {
    Set(zip(network.parameterNames, updates(of: network, rate: 1)).filter { $0.1.rate == 0 }.map(\.0))
  }

  /// The learning rate and the weight decay of each parameter, in the network's order.
  ///
  /// - Parameters:
  ///   - network: the network.
  ///   - rate: the optimizer's learning rate.
  /// - Returns: one value per parameter.
  public func updates(of network: Network, rate: Double) -> [ParameterUpdate] {
    let (names, blocks) = (network.parameterNames, Self.blocks(of: network))
    return zip(names, network.parameters).enumerated().map { index, parameter in
      let (name, value) = parameter
      let group = groups.first { $0.parameters.contains { name.matches(pattern: $0) } }
      let isTrained = trainable?.contains { name.matches(pattern: $0) } ?? true
      let depth = (blocks.last ?? 0) - blocks[index]
      let factor = isTrained ? (0..<depth).reduce(group?.rateFactor ?? 1) { factor, _ in factor * layerDecay } : 0
      return ParameterUpdate(
        rate: rate * factor, weightDecay: value.rank <= 1 && !decaysBiasesAndNorms ? 0 : group?.weightDecay)
    }
  }

  /// The block of each parameter, counted from the network's input. A block is a numbered part of the network, such as
  /// `layer3.0` or `features.4`, or else what the first two parts of a name before the parameter's own say, such as
  /// `conv1` or `features.denseblock2`. A norm by itself belongs to the block before it.
  static func blocks(of network: Network) -> [Int] {
    let names = network.parameterNames.map(Self.block)
    var isNorm: [String: Bool] = [:]
    for (name, value) in zip(names, network.parameters) { isNorm[name] = value.rank <= 1 && isNorm[name] ?? true }
    var (block, last) = (-1, "")
    return names.map { name in
      if name != last && (block < 0 || isNorm[name] == false) { block += 1 }
      last = name
      return block
    }
  }

  /// The name of the block that a parameter belongs to.
  private static func block(_ name: String) -> String {
    let parts = name.split(separator: ".").dropLast()
    let number = parts.firstIndex { $0.allSatisfy(\.isNumber) }
    return parts.prefix(number.map { $0 + 1 } ?? 2).joined(separator: ".")
  }
}
