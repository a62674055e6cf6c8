import Tensors

extension Method: LosslessStringConvertible {
  /// What is wrong with a method's name.
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String
  }

  /// The method of that name; nil if there is none.
  public init?(_ name: String) {
    do { try self.init(named: name) } catch { return nil }
  }

  /// The method of that name.
  ///
  /// - Throws: what is wrong, for people: no such method, or a number out of its range.
  public init(named name: String) throws(Malformed) {
    var method = try Self.parsed(name, wrappings: 0)
    if method.usualName != name { method.spelling = name }
    self = method
  }

  private static func parsed(_ name: String, wrappings: Int) throws(Malformed) -> Method {
    if let known = named.first(where: { $0.name == name }) { return known.method }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let colon = parts[0].firstIndex(of: ":")
    let word = String(parts[0][..<(colon ?? parts[0].endIndex)])
    let rest = parts.dropFirst().joined(separator: "/")
    func number(_ what: String, upTo most: Int, usually usual: Int? = nil) throws(Malformed) -> Int {
      guard let colon else {
        if let usual { return usual }
        throw unknown(name)
      }
      guard let number = Int(parts[0][parts[0].index(after: colon)...]), (1...most).contains(number) else {
        throw Malformed(description: "'\(name)': the number of \(what) is from 1 to \(most)")
      }
      return number
    }
    func inner() throws(Malformed) -> Method {
      guard wrappings < mostWrappings else {
        throw Malformed(
          description: "'\(name.prefix(60))': smooth/ and competitive/ nest \(mostWrappings) deep at most")
      }
      return try parsed(rest, wrappings: wrappings + 1)
    }
    switch word {
    case "integrated_gradients" where rest.isEmpty:
      return .integratedGradients(steps: try number("steps", upTo: mostSteps))
    case "rise" where rest.isEmpty: return .rise(masks: try number("masks", upTo: mostMasks))
    case "smooth": return .smooth(try inner(), samples: try number("samples", upTo: mostSteps, usually: usualSamples))
    case "competitive":
      return .competitive(try inner(), rivals: try number("rivals", upTo: mostRivals, usually: usualRivals))
    default:
      guard let pair = Pair(parts) else { throw unknown(name) }
      return .pair(pair)
    }
  }

  /// Each smoothing or competition repeats what is inside it some times, so that the times multiply.
  private static let mostWrappings = 3
  /// A pass through the network each, and with the graph kept in training: more would not end.
  private static let (mostSteps, mostMasks) = (10_000, 100_000)
  /// As many as there may be classes.
  private static let mostRivals = 100_000
  private static let (usualSamples, usualRivals) = (25, 9)

  private static func unknown(_ name: String) -> Malformed {
    Malformed(description: "expected one of \(grammar); found '\(name.prefix(200))'")
  }

  /// The name it was asked for by, or else the usual one.
  public var description: String { spelling ?? usualName }

  private var usualName: String {
    if let known = Self.named.first(where: { $0.method == self }) { return known.name }
    switch kind {
    case .pair(let pair): return pair.name
    case .integratedGradients(let steps): return "integrated_gradients:\(steps)"
    case .rise(let masks): return "rise:\(masks)"
    case .smooth(let method, let samples):
      return (samples == Self.usualSamples ? "smooth/" : "smooth:\(samples)/") + "\(method)"
    case .competitive(let method, let rivals):
      return (rivals == Self.usualRivals ? "competitive/" : "competitive:\(rivals)/") + "\(method)"
    case .classActivation, .excitation, .contrastiveExcitation: return "unnamed"
    }
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
