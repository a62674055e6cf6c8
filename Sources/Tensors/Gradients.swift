/// Computes the gradients of Σ cotangents · output with respect to `variables`, by reverse-mode differentiation.
///
/// - Parameters:
///   - output: a tensor of any shape.
///   - variables: tracked tensors anywhere in the graph: variables or intermediate results.
///   - cotangents: the weights of the output's elements, of the output's shape; all ones if nil.
///   - rule: how cotangents pass ReLUs and linear layers; see ``BackwardRule``.
///   - createGraph: whether the gradients are recorded, so that they can be differentiated again.
///   - releasingGraph: whether the graph between the variables and the output is released. Each value is freed after
///     its last use, and the output cannot be differentiated again.
/// - Returns: one tensor per variable, of its shape and in their order; zeros if the output does not depend on it.
public func gradients(
  of output: Tensor, withRespectTo variables: [Tensor], cotangents: Tensor? = nil, rule: BackwardRule = .derivative,
  createGraph: Bool = false, releasingGraph: Bool = false
) -> [Tensor] {
  gradients(
    of: [output], withRespectTo: variables, cotangents: [cotangents ?? .ones(output.shape, output.scalarType)],
    rule: rule,
    createGraph: createGraph, releasingGraph: releasingGraph)
}

/// Computes the gradients of several outputs, in one pass through their common graph.
public func gradients(
  of outputs: [Tensor], withRespectTo variables: [Tensor], cotangents: [Tensor], rule: BackwardRule = .derivative,
  createGraph: Bool = false, releasingGraph: Bool = false
) -> [Tensor] {
  gradients(
    of: outputs.map(\.record), withRespectTo: variables.map(\.record), cotangents: cotangents, rule: rule,
    createGraph: createGraph,
    releasingGraph: releasingGraph)
}

/// Computes gradients from records, which do not keep elements alive that the graph releases on the way.
///
/// - Parameters:
///   - outputs: records of tensors of any shape.
///   - variables: records of tracked tensors anywhere in the graph.
///   - cotangents: for each output the weights of its elements, of its shape.
///   - rule: how cotangents pass ReLUs and linear layers; see ``BackwardRule``.
///   - createGraph: whether the gradients are recorded, so that they can be differentiated again.
///   - releasingGraph: whether the graph between the variables and the outputs is released.
/// - Returns: one tensor per variable, of its shape and in their order; zeros if no output depends on it.
public func gradients(
  of outputs: [Record], withRespectTo variables: [Record], cotangents: [Tensor], rule: BackwardRule = .derivative,
  createGraph: Bool = false, releasingGraph: Bool = false
) -> [Tensor] {
  precondition(!(createGraph && releasingGraph), "gradients: the graph cannot be both kept and given up")
  precondition(
    outputs.map(\.shape) == cotangents.map(\.shape) && outputs.map(\.scalarType) == cotangents.map(\.scalarType),
    "gradients: cotangents \(cotangents.map(\.shape)) for outputs \(outputs.map(\.shape))")
  for variable in variables {
    precondition(variable.isTracked, "gradients: a variable of shape \(variable.shape) is not tracked")
  }
  let order = Graph(from: outputs.compactMap(\.node), to: variables)
  let sums = CotangentSums(count: order.nodes.count)
  for (output, cotangents) in zip(outputs, cotangents) {
    guard let index = output.node.flatMap(order.index) else { continue }
    // Sums are made in place unless they are recorded, so the cotangents must not be tracked.
    let seed = createGraph ? cotangents : cotangents.detached()
    sums.values[index] = sums.values[index].map { $0 + seed } ?? seed
  }
  var results = [ObjectIdentifier: Tensor]()

  for index in order.nodes.indices.reversed() {
    guard let cotangent = sums.take(index) else { continue }
    let node = order.nodes[index]
    if order.isVariable(node) { results[ObjectIdentifier(node)] = cotangent }
    let inputs = order.inputs[index]
    guard !inputs.isEmpty else { continue }

    let saved = node.saved(inputs: inputs, rule: rule, recorded: createGraph, sums: createGraph ? nil : sums)
    let contributions = node.pullback(cotangent, saved)
    if releasingGraph { node.forget() }
    for (input, contribution) in zip(inputs, contributions) {
      guard let input, let contribution else { continue }
      guard sums.values[input] != nil else {
        sums.values[input] = contribution
        continue
      }
      sums.values[input] =
        createGraph
        ? sums.take(input).map { $0 + contribution } : contribution.added(to: PartialSum(sums: sums, index: input))
    }
  }
  return variables.map { variable in
    variable.node.flatMap { results[ObjectIdentifier($0)] } ?? .zeros(variable.shape, variable.scalarType)
  }
}

/// The partial sums of the nodes' cotangents, while gradients are not recorded.
final class CotangentSums {
  fileprivate(set) var values: [Tensor?]
  fileprivate init(count: Int) { values = Array(repeating: nil, count: count) }

  fileprivate func take(_ index: Int) -> Tensor? {
    var sum: Tensor?
    swap(&sum, &values[index])
    return sum
  }
}

/// One of the partial sums, to which an operation can add its result in the same pass over memory.
struct PartialSum {
  fileprivate let sums: CotangentSums
  fileprivate let index: Int

  /// Takes the sum out; nil if nothing has been added yet. If nothing else uses its storage (`isOwn`), it may be
  /// written to.
  func take() -> (sum: Tensor, isOwn: Bool)? {
    guard let (shape, type) = sums.values[index].map({ ($0.shape, $0.scalarType) }),
      var storage = sums.take(index)?.storage
    else { return nil }
    let isOwn = Storage.isOwn(&storage)
    return (Tensor(storage: storage, shape: shape, scalarType: type), isOwn)
  }
}

extension Node {
  fileprivate func saved(inputs: [Int?], rule: BackwardRule, recorded: Bool, sums: CotangentSums?) -> Saved {
    func restored(_ value: Tensor?, _ node: Node?) -> Tensor? {
      value.map { Tensor(storage: $0.storage, shape: $0.shape, scalarType: $0.scalarType, node: recorded ? node : nil) }
    }
    return Saved(
      operands: operands.map { restored($0.value, $0.node) }, kept: restored(output, self),
      sums: inputs.map { input in input.map { index in sums.map { PartialSum(sums: $0, index: index) } } }, rule: rule)
  }
}

/// The part of a graph through which outputs depend on variables, in the order of computation.
private struct Graph {
  /// The nodes; operands come before the operations that use them.
  private(set) var nodes: [Node] = []
  /// For each node, the index of each operand's node, or nil if no variable lies behind the operand. Empty if this
  /// holds for all operands.
  private(set) var inputs: [[Int?]] = []
  private var indices: [ObjectIdentifier: Int] = [:]  // -1: visited, but no variable lies behind it
  private let variables: Set<ObjectIdentifier>

  func isVariable(_ node: Node) -> Bool { variables.contains(ObjectIdentifier(node)) }
  /// The index of a node; nil if no variable lies behind it.
  func index(_ node: Node) -> Int? { indices[ObjectIdentifier(node)].flatMap { $0 >= 0 ? $0 : nil } }

  init(from roots: [Node], to variables: [Record]) {
    self.variables = Set(variables.compactMap { $0.node.map(ObjectIdentifier.init) })
    // A depth-first search with its own stack, because graphs can be deeper than the thread's stack.
    var stack: [(node: Node, next: Int)] = roots.map { ($0, 0) }
    while let (node, next) = stack.last {
      if next < node.operands.count {
        stack[stack.count - 1].next += 1
        if let operand = node.operands[next].node, indices[ObjectIdentifier(operand)] == nil {
          stack.append((operand, 0))
        }
        continue
      }
      stack.removeLast()
      let key = ObjectIdentifier(node)
      guard indices[key] == nil else { continue }
      let links = node.operands.map { operand in operand.node.flatMap(index) }
      let leadsToVariable = links.contains { $0 != nil }
      guard leadsToVariable || isVariable(node) else {
        indices[key] = -1
        continue
      }
      indices[key] = nodes.count
      nodes.append(node)
      inputs.append(leadsToVariable ? links : [])
    }
  }
}
