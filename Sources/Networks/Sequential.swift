import Tensors

/// A sequence of modules, each applied to the output of the one before.
public struct Sequential: Module {
  /// The modules, in order.
  public private(set) var modules: [any Module]
  /// Their names.
  public let names: [String]

  /// Creates a sequence of modules with the names 0, 1, ….
  public init(_ modules: [any Module]) { self.init(named: modules.enumerated().map { (String($0), $1) }) }

  /// Creates a sequence of modules with names.
  public init(named modules: [(name: String, module: any Module)]) {
    self.modules = modules.map(\.module)
    names = modules.map(\.name)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    var (x, index) = (x, 0)
    while index < modules.count {
      if pass.recomputes, let stretch = stretch(from: index, pass) {
        x = pass.passing(names[stretch.upperBound - 1], pass.recomputed(self[stretch], x))
        index = stretch.upperBound
        continue
      }
      let module = modules[index]
      if let layer = module as? any FusingModule, index + 1 < modules.count, modules[index + 1] is ReLU {
        x = pass.passing(names[index + 1], pass(names[index], layer, x, relu: true))
        index += 2
      } else {
        x = pass(names[index], module, x)
        index += 1
      }
    }
    return x
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    for index in modules.indices { try modules[index].visit(path / names[index], body) }
  }
}
