import Tensors

/// A layer of a sequential network as a recipe writes it: a word, a number for some, and options with theirs.
///
///     conv 32 size 3 stride 2 padding 1 groups 1 bias     channels; the size is 3 unless said, the padding half of it
///     max_pool 2 stride 2 padding 0, average_pool 2       window; windows lie side by side unless said
///     adaptive_average_pool 4                             side of the result
///     batch_norm, relu, relu6, silu, gelu, global_average_pool, flatten
///     linear 100; linear                                  features; the last one has as many as there are classes
public struct LayerDescription: Sendable, Hashable, CustomStringConvertible {
  enum Kind: String, CaseIterable {
    case conv, linear
    case batchNorm = "batch_norm"
    case relu, relu6, silu, gelu
    case maxPool = "max_pool"
    case averagePool = "average_pool"
    case adaptiveAveragePool = "adaptive_average_pool"
    case globalAveragePool = "global_average_pool"
    case flatten
  }

  let kind: Kind
  /// The number after the word.
  let number: Int?
  let size, stride, padding, groups: Int?
  let hasBias: Bool

  /// What is wrong with a description.
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String
    /// The layer, counted from 0; nil if it is not one layer's fault.
    public var layer: Int?
  }

  /// Reads a description.
  public init(_ text: String) throws(Malformed) {
    var words = text.split(separator: " ").map(String.init)[...]
    func malformed(_ message: String) -> Malformed { Malformed(description: "'\(text)': \(message)", layer: nil) }
    guard let word = words.popFirst(), let kind = Kind(rawValue: word) else {
      throw malformed("expected one of \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let takesNumber = [.conv, .linear, .maxPool, .averagePool, .adaptiveAveragePool].contains(kind)
    func number(_ text: String, _ what: String, from least: Int = 1) throws(Malformed) -> Int {
      guard let number = Int(text), (least...65536).contains(number) else {
        throw malformed("\(what) is a whole number from \(least) to 65536, found '\(text)'")
      }
      return number
    }
    var first: Int?
    if takesNumber, let text = words.first, text.first?.isNumber ?? false {
      first = try number(text, "what follows \(word)")
      words.removeFirst()
    }
    guard !takesNumber || first != nil || kind == .linear else { throw malformed("a number has to follow \(word)") }
    let known: [String] =
      switch kind {
      case .conv: ["size", "stride", "padding", "groups"]
      case .maxPool: ["stride", "padding"]
      default: []
      }
    var (options, hasBias) = ([String: Int](), false)
    while let option = words.popFirst() {
      if option == "bias", kind == .conv {
        hasBias = true
        continue
      }
      guard known.contains(option) else {
        throw malformed(
          "no option '\(option)' of \(word)\(known.isEmpty ? "" : "; there are \(known.joined(separator: ", "))")")
      }
      guard let text = words.popFirst() else { throw malformed("a number has to follow \(option)") }
      options[option] = try number(text, option, from: option == "padding" ? 0 : 1)
    }
    (self.kind, self.number, self.hasBias) = (kind, first, hasBias)
    (size, stride) = (options["size"], options["stride"])
    (padding, groups) = (options["padding"], options["groups"])
  }

  public var description: String {
    var words = [kind.rawValue] + (number.map { [String($0)] } ?? [])
    for (name, value) in [("size", size), ("stride", stride), ("padding", padding), ("groups", groups)] {
      if let value { words += [name, String(value)] }
    }
    return (words + (hasBias ? ["bias"] : [])).joined(separator: " ")
  }

  /// The window of a convolution or pooling, its stride and its padding; nil for other layers.
  var window: (size: Int, stride: Int, padding: Int)? {
    switch kind {
    case .conv: (size ?? 3, stride ?? 1, padding ?? (size ?? 3) / 2)
    case .maxPool: (number ?? 2, stride ?? number ?? 2, padding ?? 0)
    case .averagePool: (number ?? 2, number ?? 2, 0)
    default: nil
    }
  }
}

extension Sequential {
  /// What a description may ask for. A graph of derivatives of derivatives goes ten times as deep as its network.
  private static let (mostLayers, mostParameters) = (1000, Double(1 << 30))

  /// Layers as a recipe describes them, named by their places as in PyTorch's `nn.Sequential`, each with PyTorch's default
  /// initialization, but convolutions and their like with He's.
  ///
  /// - Parameter isMade: whether to make the layers, not only to see whether they fit: they may be larger than memory.
  /// - Throws: what is wrong with the first layer that does not fit those before it.
  static func described(
    _ layers: [LayerDescription], classes: Int, using random: inout RandomSource?, isMade: Bool = true
  ) throws(LayerDescription.Malformed) -> Sequential {
    var modules: [any Module] = []
    let counts = layers.parameterCounts(classes: classes)
    var parameters = 0.0
    // The channels, and, once there are no more locations, how many features.
    var (channels, isFlat, side) = (3, false, Int?.none)
    guard layers.count <= mostLayers else {
      throw .init(
        description: "\(layers.count) layers, of which \(mostLayers) are the most: as deep as a derivative can go back",
        layer: nil)
    }
    for (index, layer) in layers.enumerated() {
      func malformed(_ message: String) -> LayerDescription.Malformed {
        .init(description: "'\(layer)': \(message)", layer: index)
      }
      func add(_ module: () -> any Module) { if isMade { modules.append(module()) } }
      parameters += counts[index]
      guard isMade || parameters <= mostParameters else {
        throw malformed("with it there are more than \(Int(mostParameters)) parameters, which take 4 GiB")
      }
      if isFlat, ![.linear, .relu, .relu6, .silu, .gelu].contains(layer.kind) {
        throw malformed("there are no locations left")
      }
      switch layer.kind {
      case .conv:
        let (outputs, groups) = (layer.number ?? 1, layer.groups ?? 1)
        guard channels % groups == 0, outputs % groups == 0 else {
          throw malformed("\(groups) groups do not divide \(channels) channels before it and \(outputs) after")
        }
        guard let window = layer.window, 2 * window.padding <= 2 * window.size else {
          throw malformed("too much padding")
        }
        add {
          Convolution(
            channels, outputs, size: window.size, stride: window.stride, padding: window.padding, groups: groups,
            bias: layer.hasBias, using: &random)
        }
        (channels, side) = (outputs, nil)
      case .maxPool:
        guard let window = layer.window, 2 * window.padding <= window.size else {
          throw malformed("the padding is more than half of the window")
        }
        add { FixedLayer.maxPool(window: window.size, stride: window.stride, padding: window.padding) }
        side = nil
      case .averagePool:
        add { FixedLayer.averagePool(window: layer.number ?? 2) }
        side = nil
      case .adaptiveAveragePool:
        side = layer.number
        add { FixedLayer.adaptiveAveragePool(layer.number ?? 1) }
      case .globalAveragePool:
        add { FixedLayer.globalAveragePool }
        isFlat = true
      case .flatten:
        guard let known = side else {
          throw malformed(
            "an adaptive_average_pool has to come right before it, so that the number of features is known")
        }
        add { FixedLayer.flatten }
        (channels, isFlat) = (channels * known * known, true)
      case .linear:
        guard isFlat else { throw malformed("flatten or global_average_pool has to come before it") }
        let isLast = index == layers.count - 1
        guard isLast == (layer.number == nil) else {
          throw malformed(
            isLast
              ? "the last layer has as many features as there are classes, and no number"
              : "it needs a number of features")
        }
        add { Linear(channels, layer.number ?? classes, using: &random) }
        channels = layer.number ?? classes
      case .batchNorm: add { BatchNorm(channels) }
      case .relu: add { ReLU() }
      case .relu6: add { FixedLayer.relu6 }
      case .silu: add { FixedLayer.siLU }
      case .gelu: add { FixedLayer.geLU }
      }
    }
    guard layers.last?.kind == .linear else {
      throw .init(description: "the last layer has to be linear, without a number: it makes the logits", layer: nil)
    }
    return Sequential(modules)
  }
}

extension [LayerDescription] {
  /// The side of the smallest square image of which something is left after every layer; nil if it is above 8192.
  var smallestSide: Int? {
    (1...8192).first { side in
      var size = side
      for layer in self {
        if layer.kind == .adaptiveAveragePool { size = layer.number ?? 1 }
        guard let window = layer.window else { continue }
        size =
          (size + 2 * window.padding - window.size) < 0
          ? 0 : (size + 2 * window.padding - window.size) / window.stride + 1
        if size < 1 { return false }
      }
      return true
    }
  }
}

extension [LayerDescription] {
  /// Each layer's parameters. Doubles, as below, since a product of such numbers may be more than an integer holds.
  func parameterCounts(classes: Int) -> [Double] {
    var (channels, side) = (3.0, 1.0)
    return map { layer in
      let inputs = channels
      switch layer.kind {
      case .conv:
        channels = Double(layer.number ?? 1)
        let size = Double(layer.size ?? 3)
        return size * size * inputs / Double(layer.groups ?? 1) * channels + (layer.hasBias ? channels : 0)
      case .linear:
        channels = Double(layer.number ?? classes)
        return (inputs + 1) * channels
      case .batchNorm: return 2 * channels
      case .adaptiveAveragePool: side = Double(layer.number ?? 1)
      case .flatten: channels *= side * side
      default: break
      }
      return 0
    }
  }

  /// Elements of all activations of one image of this size, together.
  func activationCount(height: Int, width: Int) -> Double {
    var (size, channels, sum) = ([Double(height), Double(width)], 3.0, 0.0)
    for layer in self {
      switch layer.kind {
      case .adaptiveAveragePool: size = [Double](repeating: Double(layer.number ?? 1), count: 2)
      case .globalAveragePool: size = [1, 1]
      case .flatten: (size, channels) = ([1, 1], channels * size[0] * size[1])
      case .conv, .linear: channels = Double(layer.number ?? 1)
      default: break
      }
      if let window = layer.window {
        size = size.map { side in
          ((side + Double(2 * window.padding - window.size)) / Double(window.stride)).rounded(.down) + 1
        }
      }
      sum += size[0] * size[1] * channels
    }
    return sum
  }
}
