@testable import Tensors

/// Compares the derivatives of a function with central differences in float64, and then the derivative of the derivative,
/// and so on: every order is checked as the first derivative of the order before.
struct DerivativeCheck {
  typealias Function = @Sendable ([Tensor]) -> Tensor

  var order = 3
  /// The largest error allowed, relative to the size of the terms.
  var tolerance = 2e-6
  /// Half of what the differences are taken over. A large step sees the curvature and crosses kinks, a small one drowns in
  /// rounding: one of them has to agree.
  var steps = [1e-5]
  /// A planted fault: the pullback there has the sign of the operand's derivative turned round.
  var fault: Graphs.Place?

  init() {}

  /// What is wrong, or nil.
  func failure(of function: @escaping Function, at inputs: [Tensor]) -> String? {
    var random = RandomSource(seed: 7, purpose: "derivative check")
    let weights = Tensor.uniform(function(inputs).shape, from: 0.5, to: 1.5, .float64, using: &random)
    // The cube makes the cotangent depend on the inputs, to third order, for linear operations too.
    return failure(order: 1, at: inputs, &random) { [fault] inputs in
      let y = Graphs.planting(fault, in: function(inputs))
      return (weights * (y + y * y * 0.5 + y * y * y * 0.2)).sum()
    }
  }

  private func failure(
    order: Int, at inputs: [Tensor], _ random: inout RandomSource, _ scalar: @escaping Function
  ) -> String? {
    let directions = inputs.map { Tensor.uniform($0.shape, from: -1, to: 1, .float64, using: &random) }
    let derivatives: @Sendable ([Tensor]) -> [Tensor] = { inputs in
      let variables = inputs.map { $0.isTracked ? $0 : $0.tracked() }
      return gradients(of: scalar(variables), withRespectTo: variables, createGraph: true)
    }
    let analytic = derivatives(inputs)
    for (i, direction) in directions.enumerated() {
      func moved(by h: Double) -> Double {
        var inputs = inputs
        inputs[i] = inputs[i] + direction * h
        return scalar(inputs).item
      }
      let found = (analytic[i] * direction).sum().item
      let size = 1 + (analytic[i] * direction).abs.sum().item
      let differences = steps.map { (moved(by: $0) - moved(by: -$0)) / (2 * $0) }
      let agrees = zip(steps, differences).contains { step, expected in
        // Rounding in the differences grows with the value itself.
        let rounding = abs(scalar(inputs).item) * 1e-16 / step * 10
        return abs(found - expected) <= tolerance * size + rounding
      }
      if !agrees { return "order \(order), input \(i): \(found), by differences \(differences)" }
    }
    guard order < self.order else { return nil }
    return failure(order: order + 1, at: inputs, &random) { inputs in
      zip(derivatives(inputs), directions).map { ($0 * $1).sum() }.reduce(Tensor(0, .float64)) { $0 + $1 }
    }
  }
}

/// Looks into recorded graphs.
enum Graphs {
  /// An operand through which a derivative flows: of the graph's `node`-th operation, counted from the output.
  struct Place: Sendable {
    let operation: String
    let node: Int
    let operand: Int
  }

  /// The operands through which derivatives flow in the graph that leads to a tensor.
  static func places(in tensor: Tensor) -> [Place] {
    nodes(behind: tensor).enumerated().flatMap { index, node in
      node.operands.indices.filter { node.operands[$0].node != nil }.map {
        Place(operation: "\(node.operation)", node: index, operand: $0)
      }
    }
  }

  /// All operations in that graph, the variables among them.
  static func nodes(behind tensor: Tensor) -> [Node] {
    var order: [Node] = []
    var seen: Set<ObjectIdentifier> = []
    var stack = [tensor.node].compactMap(\.self)
    while let node = stack.popLast() {
      guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
      order.append(node)
      stack += node.operands.compactMap(\.node)
    }
    return order
  }

  /// The same tensor computed by a graph in which one operation's pullback has a wrong sign.
  static func planting(_ fault: Place?, in tensor: Tensor) -> Tensor {
    guard let fault, let root = tensor.node else { return tensor }
    let nodes = nodes(behind: tensor)
    // Where the differences are taken nothing is tracked, and there is no pullback to spoil.
    guard fault.node < nodes.count, "\(nodes[fault.node].operation)" == fault.operation else { return tensor }
    let faulty = ObjectIdentifier(nodes[fault.node])
    var copies: [ObjectIdentifier: Node] = [:]
    func copy(_ node: Node) -> Node {
      if node.operands.isEmpty { return node }
      if let known = copies[ObjectIdentifier(node)] { return known }
      let isFaulty = ObjectIdentifier(node) == faulty
      let made = Node(
        operation: node.operation,
        operands: node.operands.map { Node.Operand(node: $0.node.map(copy), value: $0.value) }, output: node.output
      ) { g, saved in
        var derivatives = node.pullback(g, saved)
        if isFaulty { derivatives[fault.operand] = derivatives[fault.operand].map { -$0 } }
        return derivatives
      }
      copies[ObjectIdentifier(node)] = made
      return made
    }
    return Tensor(storage: tensor.storage, shape: tensor.shape, scalarType: tensor.scalarType, node: copy(root))
  }
}
