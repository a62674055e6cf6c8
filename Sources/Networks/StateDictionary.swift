import Tensors

/// The names and shapes of weights that do not fit a network. It lists all of them.
public struct StateMismatch: Error, CustomStringConvertible {
  /// The architecture of the network.
  public let architecture: Architecture
  /// The names that only the network has, and those that only the weights have.
  public let missing, unexpected: [String]
  /// The tensors of the wrong shape, with shapes as in files.
  public let misshapen: [(name: String, found: [Int], expected: [Int])]

  public var description: String {
    var lines = ["the weights do not fit \(architecture)"]
    func list(_ title: String, _ items: [String]) {
      guard !items.isEmpty else { return }
      lines.append("  \(title): \(items.count)")
      lines += items.prefix(20).map { "    \($0)" }
      if items.count > 20 { lines.append("    … and \(items.count - 20) more") }
    }
    list("missing in the weights", missing)
    list("not part of the network", unexpected)
    list("of another shape", misshapen.map { "\($0.name): found \($0.found), expected \($0.expected)" })
    return lines.joined(separator: "\n")
  }
}

extension Network {
  /// The parameters and statistics with PyTorch's names, shapes and order; kernels are [O, C/groups, KH, KW].
  public var stateDictionary: [(name: String, value: Tensor)] {
    state.map { ($0.name, $0.kind.inFiles($0.value.detached())) }
  }

  /// The names and PyTorch's shapes of the parameters and statistics, in PyTorch's order.
  public var stateShapes: [(name: String, shape: [Int])] {
    state.map { ($0.name, $0.kind.shapeInFiles($0.value.shape)) }
  }

  /// The name of the layer that computes the logits, which is the prefix of the last parameters' names.
  public var head: String { String(state.last?.name.split(separator: ".").dropLast().joined(separator: ".") ?? "") }

  /// Loads all weights of a PyTorch state dict except those of the head, which stays the same. It is for weights of a
  /// network with another number of classes, and returns nil if anything else differs.
  ///
  /// - Returns: the network, and the number of classes of the weights.
  public func loadingBackbone(_ weights: [(name: String, value: Tensor)]) -> (network: Network, classes: Int)? {
    let (own, head) = (stateDictionary, head + ".")
    var (merged, found) = (weights, Int?.none)
    for (index, entry) in weights.enumerated() where entry.name.hasPrefix(head) {
      guard let value = own.first(where: { $0.name == entry.name })?.value, let count = entry.value.shape.first,
        entry.value.shape.dropFirst() == value.shape.dropFirst(), found ?? count == count
      else { return nil }
      (merged[index].value, found) = (value, count)
    }
    guard let found, found != classes, let network = try? loading(merged) else { return nil }
    return (network, found)
  }

  /// Translates a name from torchvision's published files to the name in torchvision's networks. The published
  /// DenseNets have `norm.1` for a dense layer's `norm1`; torchvision also renames it on loading.
  public static func ownName(_ name: String) -> String {
    guard name.contains("denselayer") else { return name }
    return name.replacing(#/(denselayer[0-9]+\.(?:norm|conv))\.([12]\.)/#) { "\($0.output.1)\($0.output.2)" }
  }

  /// Loads a PyTorch state dict.
  ///
  /// - Parameter weights: the tensors with PyTorch's names. Exporters of graphs may have folded batch norms into the
  ///   convolutions before them. Such batch norms become ones that only add the convolution's bias.
  /// - Returns: a network of the same architecture with these weights.
  /// - Throws: ``StateMismatch`` unless names and shapes agree exactly.
  public func loading(_ weights: [(name: String, value: Tensor)]) throws -> Network {
    let weights = unfolded(weights.map { (Self.ownName($0.name), $0.value) })
    let given = Dictionary(weights.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    let own = stateDictionary
    let names = Set(own.map(\.name))
    let misshapen = own.compactMap { entry in
      given[entry.name].flatMap { $0.shape == entry.value.shape ? nil : (entry.name, $0.shape, entry.value.shape) }
    }
    let mismatch = StateMismatch(
      architecture: architecture, missing: own.map(\.name).filter { given[$0] == nil },
      unexpected: weights.map(\.name).filter { !names.contains($0) }, misshapen: misshapen)
    guard mismatch.missing.isEmpty, mismatch.unexpected.isEmpty, misshapen.isEmpty else { throw mismatch }
    let type = scalarType
    var copy = self
    copy.visit { name, kind, tensor in
      guard let value = given[name]?.converted(to: type) else { return }
      tensor = kind.fromFiles(value)
    }
    return copy
  }

  private func unfolded(_ weights: [(name: String, value: Tensor)]) -> [(name: String, value: Tensor)] {
    let (own, given) = (Set(state.map(\.name)), Dictionary(weights.map { ($0.name, $0.value) }) { first, _ in first })
    guard own.contains(where: { given[$0] == nil && $0.hasSuffix(".running_var") }) else { return weights }
    var (result, folded) = (weights, Set<String>())
    var names: [Int: String] = [:]
    for step in trace(height: architecture.usualSide, width: architecture.usualSide).steps {
      names[step.output] = step.name
      let parts = ["weight", "bias", "running_mean", "running_var"].map { step.name + "." + $0 }
      guard let norm = step.operation as? BatchNorm, parts.allSatisfy({ given[$0] == nil }),
        let bias = names[step.inputs[0]].map({ $0 + ".bias" }), let value = given[bias]
      else { continue }
      // A bias of the convolution's own stays with the convolution.
      if !own.contains(bias) { folded.insert(bias) }
      let (shape, type) = (value.shape, value.scalarType)
      result += [
        (parts[0], .ones(shape, type)), (parts[1], own.contains(bias) ? .zeros(shape, type) : value),
        (parts[2], .zeros(shape, type)), (parts[3], Tensor(repeating: 1 - norm.epsilon, shape: shape, type)),
      ]
    }
    result.removeAll { folded.contains($0.name) }
    return result
  }
}

extension [(name: String, value: Tensor)] {
  /// The scalar type that represents all these weights without loss: float64 if any of them is float64.
  public var scalarType: ScalarType { contains { $0.value.scalarType == .float64 } ? .float64 : .float32 }
}
