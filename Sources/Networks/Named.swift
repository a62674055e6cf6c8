import Tensors

/// A child of a module together with its name. The name is stated once, where the child is created; calls and visits
/// use it:
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
  /// The child's name inside its module: `conv1`.
  public let name: String
  /// The child itself.
  public var module: Part

  /// Creates a child with a name.
  public init(_ name: String, _ module: Part) { (self.name, self.module) = (name, module) }

  /// A property of the child.
  public subscript<Value>(dynamicMember member: WritableKeyPath<Part, Value>) -> Value {
    get { module[keyPath: member] }
    set { module[keyPath: member] = newValue }
  }

  /// A read-only property of the child.
  public subscript<Value>(dynamicMember member: KeyPath<Part, Value>) -> Value { module[keyPath: member] }

  /// Visits the child's parameters and statistics below its name.
  public mutating func visit(
    _ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void
  ) rethrows {
    try module.visit(path / name, body)
  }
}

extension Pass {
  /// Calls a child of the module that is being called.
  ///
  /// - Parameters:
  ///   - part: the child with its name.
  ///   - x: its input.
  /// - Returns: its output.
  public mutating func callAsFunction(_ part: Named<some Module>, _ x: Tensor) -> Tensor {
    self(part.name, part.module, x)
  }

  /// Calls a child, adds `residual` and applies ReLU. This is one fused operation, unless the child's own activation is
  /// requested.
  mutating func callAsFunction(
    _ part: Named<some FusingModule>, _ x: Tensor, adding residual: Tensor? = nil, relu: Bool
  ) -> Tensor {
    self(part.name, part.module, x, adding: residual, relu: relu)
  }
}
