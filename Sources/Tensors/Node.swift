/// A recorded operation in the graph of a tensor.
///
/// A node keeps the nodes of its inputs, and of the values of its inputs and output only those that its pullback needs.
/// Nodes do not change after they are created, except that they are taken apart when they are released. Threads may
/// therefore share graphs.
final class Node: @unchecked Sendable {
  /// An operand: its node if it is tracked, and its value if the pullback needs it.
  struct Operand {
    var node: Node?
    var value: Tensor?
  }

  let operation: StaticString
  private(set) var operands: [Operand]
  private(set) var output: Tensor?
  private(set) var pullback: Pullback

  init(operation: StaticString, operands: [Operand], output: Tensor?, pullback: @escaping Pullback) {
    self.operation = operation
    self.operands = operands
    self.output = output
    self.pullback = pullback
  }

  /// Releases the values that the pullback needs; the node cannot be differentiated afterwards.
  func forget() {
    for i in operands.indices { operands[i].value = nil }
    output = nil
    pullback = { _, _ in preconditionFailure("gradients: this graph was given up by an earlier call") }
  }

  /// Nodes are released one by one, because releasing a long chain recursively would overflow the stack.
  deinit {
    var doomed: [Node] = []
    func take(_ operands: inout [Operand]) {
      for i in operands.indices {
        if let node = operands[i].node { doomed.append(node) }
        operands[i].node = nil
      }
    }
    take(&operands)
    while var node = doomed.popLast() {
      if isKnownUniquelyReferenced(&node) { take(&node.operands) }
    }
  }
}

/// The values that a pullback may use: the operands and the output that its operation keeps.
///
/// They are tracked tensors if the derivative itself is to be differentiated. Otherwise they are detached, so that
/// nothing is recorded unnecessarily.
public struct Saved {
  let operands: [Tensor?]
  let kept: Tensor?
  /// For each operand whose derivative is needed, the partial sum to which it is added; the inner value is nil while
  /// derivatives are recorded. The outer value is nil if the derivative is not needed.
  let sums: [PartialSum??]
  /// How cotangents pass the operations that saliency methods treat specially. A pullback that does not use it is the
  /// derivative under every rule.
  public let rule: BackwardRule

  /// The value of operand `index`; the operation must keep its operands.
  public subscript(index: Int) -> Tensor {
    guard let value = operands[index] else { preconditionFailure("pullback: operand \(index) was not kept") }
    return value
  }

  /// The result of the operation; the operation must keep it.
  public var output: Tensor {
    guard let kept else { preconditionFailure("pullback: the output was not kept") }
    return kept
  }

  /// Calls `derivative` if the derivative with respect to operand `index` is needed.
  public func ifNeeded(_ index: Int, _ derivative: () -> Tensor) -> Tensor? { sums[index] == nil ? nil : derivative() }

  /// Calls `derivative` with the partial sum to which it can add its result, if the derivative with respect to operand
  /// `index` is needed.
  func ifNeeded(_ index: Int, onto derivative: (PartialSum?) -> Tensor) -> Tensor? { sums[index].map(derivative) }
}

/// A function from the cotangent of an operation's output to the cotangents of its operands; nil means zero. If it is
/// written in recorded operations, derivatives of every order exist.
public typealias Pullback = @Sendable (_ cotangent: Tensor, _ saved: Saved) -> [Tensor?]

/// The values that an operation keeps for its pullback, besides the shapes.
public enum Keep: Sendable {
  /// No values: shapes and constants are enough.
  case nothing
  /// The operands' values.
  case operands
  /// The result's value.
  case output
  /// The values of the operands and of the result.
  case both
}

extension Tensor {
  /// Defines a custom operation: `value` is recorded as the result of an operation on `operands`, with `pullback` as
  /// its derivative. For example, a softplus, log(1 + exp(x)), has the sigmoid function as its derivative:
  ///
  ///     func softplus(_ x: Tensor) -> Tensor {
  ///       let values = x.doubles.map { log(1 + exp($0)) }
  ///       return .operation(
  ///         "softplus", [x], keep: .operands, value: Tensor(values, shape: x.shape).converted(to: x.scalarType)
  ///       ) { cotangent, saved in [cotangent * saved[0].sigmoid] }
  ///     }
  ///
  /// A pullback made of tensor operations can itself be differentiated, as often as these operations can; virtual
  /// updates and their outer gradients need this. A pullback that computes with elements gives correct first
  /// derivatives only; those of higher order are wrong.
  ///
  /// - Parameters:
  ///   - name: the name in profiles and messages.
  ///   - operands: the inputs.
  ///   - keep: the values that the pullback needs; see ``Saved``.
  ///   - arithmetic: the number of floating-point operations, for profiles; only for operations whose time is mostly
  ///     arithmetic.
  ///   - value: computes the result; it is called exactly once. It should use ``detached()`` operands, so that
  ///     operations inside are not recorded.
  ///   - pullback: computes from the cotangent of the result, which has the result's shape, the cotangents of the
  ///     operands, each of its operand's shape; nil means zero. It may capture shapes and constants, but no mutable
  ///     state. Tensors must come from the kept values, so that they take part in derivatives of higher order.
  /// - Returns: the result; it is tracked if one of the operands is.
  public static func operation(
    _ name: StaticString, _ operands: [Tensor], keep: Keep, arithmetic: Int = 0, value: @autoclosure () -> Tensor,
    pullback: @escaping Pullback
  ) -> Tensor {
    let value = Profile.operation(name, arithmetic: arithmetic, value)
    guard operands.contains(where: { $0.node != nil }) else { return value }
    let keepsOperands = keep == .operands || keep == .both
    let node = Node(
      operation: name,
      operands: operands.map { Node.Operand(node: $0.node, value: keepsOperands ? $0.detached() : nil) },
      output: keep == .output || keep == .both ? value : nil, pullback: pullback)
    return Tensor(storage: value.storage, shape: value.shape, scalarType: value.scalarType, node: node)
  }

  /// The same value, not tracked.
  public func detached() -> Tensor {
    node == nil ? self : Tensor(storage: storage, shape: shape, scalarType: scalarType)
  }

  /// The record of how the tensor was computed.
  public var record: Record { Record(node: node, shape: shape, scalarType: scalarType) }

  /// The identity of a tracked tensor, unique among all living tensors; nil if it is not tracked.
  public var identity: ObjectIdentifier? { node.map { ObjectIdentifier($0) } }

  /// Whether operations on this tensor are recorded.
  public var isTracked: Bool { node != nil }

  /// The same value as a new variable: operations on it are recorded, and derivatives with respect to it can be
  /// computed.
  public func tracked() -> Tensor {
    let node = Node(operation: "variable", operands: [], output: nil) { _, _ in [] }
    return Tensor(storage: storage, shape: shape, scalarType: scalarType, node: node)
  }
}

/// A record of how a tensor was computed, without its elements. It is all that gradients need.
public struct Record: Sendable {
  let node: Node?
  /// The tensor's shape.
  public let shape: [Int]
  /// The type of the tensor's elements.
  public let scalarType: ScalarType
  /// Whether the tensor is tracked.
  public var isTracked: Bool { node != nil }
}
