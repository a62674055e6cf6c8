import Tensors

extension Method: LosslessStringConvertible {
  /// The method of that name; nil if there is none.
  public init?(_ name: String) {
    if let known = Self.named.first(where: { $0.name == name }) {
      self = known.method
      return
    }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let (word, number) = Self.numbered(parts[0])
    let rest = parts.dropFirst().joined(separator: "/")
    switch word {
    case "integrated_gradients":
      guard let number, rest.isEmpty else { return nil }
      self = .integratedGradients(steps: number)
    case "rise":
      guard let number, rest.isEmpty else { return nil }
      self = .rise(masks: number)
    case "smooth", "competitive":
      guard let inner = Method(rest), parts[0] == word || number != nil else { return nil }
      self = word == "smooth" ? .smooth(inner, samples: number ?? 25) : .competitive(inner, rivals: number ?? 9)
    default:
      guard let pair = Pair(parts) else { return nil }
      self = .pair(pair)
    }
  }

  public var description: String {
    if let known = Self.named.first(where: { $0.method == self }) { return known.name }
    switch self {
    case .pair(let pair): return pair.name
    case .integratedGradients(let steps): return "integrated_gradients:\(steps)"
    case .rise(let masks): return "rise:\(masks)"
    case .smooth(let method, let samples): return (samples == 25 ? "smooth/" : "smooth:\(samples)/") + "\(method)"
    case .competitive(let method, let rivals):
      return (rivals == 9 ? "competitive/" : "competitive:\(rivals)/") + "\(method)"
    case .classActivation, .excitation, .contrastiveExcitation: return "unnamed"
    }
  }

  /// `smooth:50` as a word and a positive number.
  private static func numbered(_ part: String) -> (word: String, number: Int?) {
    guard let colon = part.firstIndex(of: ":") else { return (part, nil) }
    let number = Int(part[part.index(after: colon)...]).flatMap { $0 > 0 && $0 <= 1_000_000 ? $0 : nil }
    return (String(part[..<colon]), number)
  }

  /// What can be said of names, for messages.
  public static let grammar =
    named.map(\.name).joined(separator: ", ")
    + "; a pair such as conv3x3/norm (bias, scaling, conv1x1, conv3x3, …, depthwise3x3, …, own_conv; "
    + Aggregate.allCases.map(\.rawValue).joined(separator: ", ")
    + "), with guided/ or deconvnet/ before it; smooth/ or competitive/ before any of these"
}

extension Method.Pair {
  fileprivate init?(_ parts: [String]) {
    var parts = parts[...]
    let rules: [String: BackwardRule] = ["guided": .guided, "deconvnet": .deconvolution]
    let rule = parts.first.flatMap { rules[$0] }
    if rule != nil { parts.removeFirst() }
    guard parts.count == 2, let extract = Extract(name: parts[parts.startIndex]),
      let aggregate = Aggregate(rawValue: parts[parts.startIndex + 1])
    else { return nil }
    self.init(extract, aggregate, rule: rule ?? .derivative)
  }

  fileprivate var name: String {
    let prefix = rule == .guided ? "guided/" : rule == .deconvolution ? "deconvnet/" : ""
    return "\(prefix)\(extract.name)/\(aggregate.rawValue)"
  }
}

extension Extract {
  /// `bias`, `scaling`, `conv3x3`, `depthwise3x3`, `own_conv`; windows have odd sides.
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
