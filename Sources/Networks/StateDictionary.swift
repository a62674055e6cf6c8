import Tensors

/// Names or shapes of weights that don't fit a network, all of them, both ways.
public struct StateMismatch: Error, CustomStringConvertible {
  /// The network that the weights were meant for.
  public let architecture: Architecture
  /// Names that the network has and the weights lack, and the other way round.
  public let missing, unexpected: [String]
  /// Shapes as files have them.
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
  /// Parameters and statistics with PyTorch's names, shapes and order: kernels as [O, C/groups, KH, KW].
  public var stateDictionary: [(name: String, value: Tensor)] {
    state.map { ($0.name, $0.kind == .kernel ? $0.value.detached().permuted([3, 2, 0, 1]) : $0.value.detached()) }
  }

  /// The same network with the weights of a PyTorch state dict.
  ///
  /// - Throws: ``StateMismatch`` unless names and shapes agree exactly.
  public func loading(_ weights: [(name: String, value: Tensor)]) throws -> Network {
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
      tensor = kind == .kernel ? value.permuted([2, 3, 1, 0]) : value
    }
    return copy
  }
}
