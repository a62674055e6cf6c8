import Tensors

/// A part of a module together with its name. The name is stated once, where the part is made; calls and visits take it from
/// here:
///
///     struct Twice: Module {
///       var first: Named<Convolution>
///       init(using random: inout RandomSource?) { first = Named("first", Convolution(3, 3, size: 1, using: &random)) }
///       func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { pass(first, x) }
///       mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
///         try first.visit(path, body)
///       }
///     }
@dynamicMemberLookup
public struct Named<Part: Module>: Sendable {
  /// What it is called inside of its module: `conv1`.
  public let name: String
  /// The part itself.
  public var module: Part

  /// A part of that name.
  public init(_ name: String, _ module: Part) { (self.name, self.module) = (name, module) }

  /// What the part has.
  public subscript<Value>(dynamicMember member: WritableKeyPath<Part, Value>) -> Value {
    get { module[keyPath: member] }
    set { module[keyPath: member] = newValue }
  }

  /// What the part has and nobody can change.
  public subscript<Value>(dynamicMember member: KeyPath<Part, Value>) -> Value { module[keyPath: member] }

  /// Visits the part's parameters and statistics below its name.
  public mutating func visit(
    _ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void
  ) rethrows {
    try module.visit(path / name, body)
  }
}

extension Pass {
  /// Calls a part of the module that is being called.
  ///
  /// - Parameters:
  ///   - part: the part with its name.
  ///   - x: what it is applied to.
  /// - Returns: its response.
  public mutating func callAsFunction(_ part: Named<some Module>, _ x: Tensor) -> Tensor {
    self(part.name, part.module, x)
  }

  /// Calls a part and what follows it in so many networks: a sum with `residual` and a ReLU. In one go, unless the part's own
  /// activation is wanted.
  mutating func callAsFunction(
    _ part: Named<some FusingModule>, _ x: Tensor, adding residual: Tensor? = nil, relu: Bool
  ) -> Tensor {
    self(part.name, part.module, x, adding: residual, relu: relu)
  }
}
