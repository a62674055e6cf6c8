/// One recorded operation in the graph that leads to a tensor.
///
/// A node keeps its inputs' nodes, and of its inputs' and output's values only what its pullback asked for. Nodes are
/// never changed after they are made (only taken apart when given up or released), so graphs may share them between threads.
final class Node: @unchecked Sendable {
  /// An operand: the node that made it, if it was tracked, and its value, if the pullback needs it.
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

  /// Gives up what the pullback needed; the node can't be differentiated any more.
  func forget() {
    for i in operands.indices { operands[i].value = nil }
    output = nil
    pullback = { _, _ in preconditionFailure("gradients: this graph was given up by an earlier call") }
  }

  /// Released one node at a time: freeing a long chain by recursion would overflow the stack.
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

/// The values that a pullback may use: the operands and the output that its operation asked to keep.
///
/// When the derivative itself is to be differentiated these are the recorded tensors; otherwise they are detached, so
/// that nothing is recorded that nobody will differentiate.
public struct Saved {
  let operands: [Tensor?]
  let kept: Tensor?
  /// For each operand whose derivative is asked for (a pullback may skip the others), where it is summed; that is nil while
  /// derivatives are recorded.
  let sums: [PartialSum??]
  /// How cotangents pass the operations that saliency methods treat in their own ways. An operation's pullback that does not
  /// look at it is the derivative under every rule.
  public let rule: BackwardRule

  /// The value of operand `index`; the operation must have asked for its operands.
  public subscript(index: Int) -> Tensor {
    guard let value = operands[index] else { preconditionFailure("pullback: operand \(index) was not kept") }
    return value
  }

  /// The operation's result; the operation must have asked for it.
  public var output: Tensor {
    guard let kept else { preconditionFailure("pullback: the output was not kept") }
    return kept
  }

  /// `derivative()` if operand `index` needs one.
  public func ifNeeded(_ index: Int, _ derivative: () -> Tensor) -> Tensor? { sums[index] == nil ? nil : derivative() }

  /// The same for an operation that can add its result to what has come of the derivative so far.
  func ifNeeded(_ index: Int, onto derivative: (PartialSum?) -> Tensor) -> Tensor? { sums[index].map(derivative) }
}

/// Takes the derivative with respect to an operation's output to the derivatives with respect to its operands; nil
/// stands for zero. Written in recorded operations, which is what gives derivatives of every order.
public typealias Pullback = @Sendable (_ cotangent: Tensor, _ saved: Saved) -> [Tensor?]

/// What an operation's pullback needs to know besides the shapes.
public enum Keep: Sendable {
  /// Nothing: shapes and constants are enough.
  case nothing
  /// The operands' values.
  case operands
  /// The result's value.
  case output
  /// The values of the operands and of the result.
  case both
}

extension Tensor {
  /// An operation of one's own: `value`, recorded as the result of an operation on `operands` whose derivative `pullback`
  /// gives. A softplus, log(1 + exp(x)), whose derivative is the sigmoid function:
  ///
  ///     func softplus(_ x: Tensor) -> Tensor {
  ///       let values = x.doubles.map { log(1 + exp($0)) }
  ///       return .operation(
  ///         "softplus", [x], keep: .operands, value: Tensor(values, shape: x.shape).converted(to: x.scalarType)
  ///       ) { cotangent, saved in [cotangent * saved[0].sigmoid] }
  ///     }
  ///
  /// A pullback that is made of tensors' operations can be differentiated itself, as often as they can; this is what virtual
  /// updates and their outer gradients need. One that computes with elements gives first derivatives alone, and wrong
  /// ones of higher order.
  ///
  /// - Parameters:
  ///   - name: what profiles and messages call it.
  ///   - operands: what it is applied to.
  ///   - keep: what of the values the pullback needs; see ``Saved``.
  ///   - arithmetic: the number of floating-point operations, for profiles, where these are what the time goes into.
  ///   - value: computes the result. It is called once, at once; of operations inside nothing is recorded if they are applied
  ///     to ``detached()`` operands.
  ///   - pullback: from the derivative with respect to the result, a tensor of the result's shape, those with respect to the
  ///     operands, each of its operand's shape; nil for zero. It may capture shapes and constants; tensors must come from what is
  ///     kept, so that they take part in derivatives of higher order. It must not capture anything that changes.
  /// - Returns: the result; recorded if one of the operands is.
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

  /// The same value with no memory of how it was computed.
  public func detached() -> Tensor {
    node == nil ? self : Tensor(storage: storage, shape: shape, scalarType: scalarType)
  }

  /// How it came about.
  public var record: Record { Record(node: node, shape: shape, scalarType: scalarType) }

  /// What tells a tracked tensor from all others that live; nil for one that isn't tracked.
  public var identity: ObjectIdentifier? { node.map { ObjectIdentifier($0) } }

  /// Whether operations on this tensor are recorded.
  public var isTracked: Bool { node != nil }

  /// The same value as a new variable: operations on it are recorded, and derivatives can be taken with respect to it.
  public func tracked() -> Tensor {
    let node = Node(operation: "variable", operands: [], output: nil) { _, _ in [] }
    return Tensor(storage: storage, shape: shape, scalarType: scalarType, node: node)
  }
}

/// How a tensor came about, without its elements: all that its derivatives need of it.
public struct Record: Sendable {
  let node: Node?
  /// The tensor's shape.
  public let shape: [Int]
  /// The type of the tensor's elements.
  public let scalarType: ScalarType
  /// Whether there is anything to differentiate.
  public var isTracked: Bool { node != nil }
}
