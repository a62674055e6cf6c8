import Networks
import Tensors

/// A saliency method of the framework of "There and Back Again" (Rebuffi et al. 2020, section 3.1): one backward pass,
/// a term at each location (``Extract``), and a number from each term (``Aggregate``). Its name states both, after the
/// backward rule if it is not the derivative: `conv3x3/norm`, `guided/bias/max_abs`.
public struct ExtractAggregate: SaliencyMethod {
  /// The first phase, which makes the term at each location.
  public var extract: Extract
  /// The second phase, which reduces each term to a number.
  public var aggregate: Aggregate
  /// The backward rule for ReLUs.
  public var rule: BackwardRule

  /// Creates a method from both phases; by default with the derivative as the backward rule.
  public init(_ extract: Extract, _ aggregate: Aggregate, rule: BackwardRule = .derivative) {
    (self.extract, self.aggregate, self.rule) = (extract, aggregate, rule)
  }

  public var explainsLogit: Bool { true }

  public func maps(_ request: MapRequest) -> [Tensor] {
    zip(request.layers, zip(request.activations, request.gradients(rule))).map { layer, tensors in
      extract.map(tensors.0, tensors.1, aggregate, of: request.convolution(at: layer))
    }
  }

  public func obstacle(at layer: String, of network: Network) -> String? {
    guard extract == .ownConvolution, !network.convolutionNames.contains(layer) else { return nil }
    let some = network.convolutionNames.suffix(3).joined(separator: ", ")
    return "has maps at convolutions alone, such as \(some); '\(layer)' is not one"
  }
}

// MARK: - Names

extension ExtractAggregate {
  /// The published methods. `gradient_times_input` is another name of `linear_approximation`.
  public static let named: [(name: String, method: ExtractAggregate)] = [
    // Simonyan et al. 2014.
    ("gradient", .init(.bias, .maxAbs)),
    // Gradient times activation, summed over channels. At the input it is the method of Shrikumar et al. 2016.
    ("linear_approximation", .init(.scaling, .sum)), ("gradient_times_input", .init(.scaling, .sum)),
    // Zeiler and Fergus 2014.
    ("deconvnet", .init(.bias, .maxAbs, rule: .deconvolution)),
    // Springenberg et al. 2015.
    ("guided_backprop", .init(.bias, .maxAbs, rule: .guided)),
    // Rebuffi et al. 2020: the norm of the gradient of a virtual 1×1 convolution.
    ("normgrad", .init(.convolution(size: 1), .norm)),
    // Rebuffi et al. 2020, selective: the norm of the positive part of the gradient of a virtual scaling.
    ("normgrad_selective", .init(.scaling, .filteredNorm)),
    // Rebuffi et al. 2020: the norm of the gradient of a convolution of the network.
    ("normgrad_conv", .init(.ownConvolution, .norm)),
  ]

  public var name: String {
    if let known = Self.named.first(where: { $0.method == self }) { return known.name }
    let prefix = Self.rules.first { $0.value == rule }.map { $0.key + "/" } ?? ""
    return "\(prefix)\(extract.name)/\(aggregate.rawValue)"
  }

  private static let rules: [String: BackwardRule] = ["guided": .guided, "deconvnet": .deconvolution]

  public static var form: String? {
    "a pair such as conv3x3/norm (bias, scaling, conv1x1, conv3x3, …, depthwise3x3, …, own_conv; "
      + Aggregate.allCases.map(\.rawValue).joined(separator: ", ") + "), with guided/ or deconvnet/ before it"
  }

  public static func parse(_ name: MethodName) -> ExtractAggregate? {
    var parts = name.text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let rule = rules[parts[0]]
    if rule != nil { parts.removeFirst() }
    guard parts.count == 2, let extract = Extract(name: parts[0]), let aggregate = Aggregate(rawValue: parts[1]) else {
      return nil
    }
    return ExtractAggregate(extract, aggregate, rule: rule ?? .derivative)
  }
}

extension Extract {
  /// Parses `bias`, `scaling`, `conv3x3`, `depthwise3x3` or `own_conv`; the sizes must be odd.
  init?(name: String) {
    func side(_ prefix: String) -> Int? {
      guard name.hasPrefix(prefix) else { return nil }
      let sides = name.dropFirst(prefix.count).split(separator: "x", omittingEmptySubsequences: false)
      guard sides.count == 2, sides[0] == sides[1], let side = Int(sides[0]), side % 2 == 1, (1...31).contains(side)
      else { return nil }
      return side
    }
    switch name {
    case "bias": self = .bias
    case "scaling": self = .scaling
    case "own_conv": self = .ownConvolution
    default:
      if let side = side("conv") {
        self = .convolution(size: side)
      } else if let side = side("depthwise") {
        self = .depthwise(size: side)
      } else {
        return nil
      }
    }
  }

  var name: String {
    switch self {
    case .bias: "bias"
    case .scaling: "scaling"
    case .convolution(let size): "conv\(size)x\(size)"
    case .depthwise(let size): "depthwise\(size)x\(size)"
    case .ownConvolution: "own_conv"
    }
  }
}

extension Method {
  /// A method of the framework; by default with the derivative as the backward rule.
  public static func pair(_ extract: Extract, _ aggregate: Aggregate, rule: BackwardRule = .derivative) -> Method {
    Method(ExtractAggregate(extract, aggregate, rule: rule))
  }

  /// The gradient (Simonyan et al. 2014): its largest absolute value over channels.
  public static let gradient = pair(.bias, .maxAbs)
  /// Gradient times input (Shrikumar et al. 2016); at layers other than the input it is the same as
  /// ``linearApproximation``.
  public static let gradientTimesInput = pair(.scaling, .sum)
  /// Deconvolution (Zeiler and Fergus 2014).
  public static let deconvnet = pair(.bias, .maxAbs, rule: .deconvolution)
  /// Guided backprop (Springenberg et al. 2015).
  public static let guidedBackprop = pair(.bias, .maxAbs, rule: .guided)
  /// Gradient times activation, summed over channels.
  public static let linearApproximation = pair(.scaling, .sum)
  /// NormGrad (Rebuffi et al. 2020): the norm of the gradient of a virtual 1×1 convolution.
  public static let normGrad = pair(.convolution(size: 1), .norm)
  /// Selective NormGrad (Rebuffi et al. 2020): the norm of the positive part of the gradient of a virtual scaling.
  public static let normGradSelective = pair(.scaling, .filteredNorm)
  /// NormGrad (Rebuffi et al. 2020) with the gradient of a convolution of the network.
  public static let normGradConvolution = pair(.ownConvolution, .norm)
}
