@testable import Tensors

/// Compares the derivatives of a function with central differences in float64, and then the derivatives of these
/// derivatives. Every order is checked as the first derivative of the order before.
struct DerivativeCheck {
  typealias Function = @Sendable ([Tensor]) -> Tensor

  var order = 3
  /// The largest error allowed, relative to the size of the terms.
  var tolerance = 2e-6
  /// Half the widths of the differences. A large step is affected by curvature and kinks, a small one by rounding
  /// errors; one of them must agree.
  var steps = [1e-5]
  /// A planted fault: the operand at this place, whose derivative gets the wrong sign.
  var fault: Graphs.Place?

  init() {}

  /// A description of the first failure; nil if there is none.
  func failure(of function: @escaping Function, at inputs: [Tensor]) -> String? {
    var random = RandomSource(seed: 7, purpose: "derivative check")
    let weights = Tensor.uniform(function(inputs).shape, from: 0.5, to: 1.5, .float64, using: &random)
    // With the cube, the cotangent depends on the inputs to third order, also for linear operations.
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
        // The rounding error of the differences grows with the value itself.
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

/// Functions that inspect recorded graphs.
enum Graphs {
  /// An operand through which a derivative flows. `node` is the index of its operation, counted from the output.
  struct Place: Sendable {
    let operation: String
    let node: Int
    let operand: Int
  }

  /// The operands through which derivatives flow in the graph of a tensor.
  static func places(in tensor: Tensor) -> [Place] {
    nodes(behind: tensor).enumerated().flatMap { index, node in
      node.operands.indices.filter { node.operands[$0].node != nil }.map {
        Place(operation: "\(node.operation)", node: index, operand: $0)
      }
    }
  }

  /// All operations in the graph of a tensor, including the variables.
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

  /// The same tensor computed by a graph in which one pullback has the wrong sign.
  static func planting(_ fault: Place?, in tensor: Tensor) -> Tensor {
    guard let fault, let root = tensor.node else { return tensor }
    let nodes = nodes(behind: tensor)
    // When differences are taken nothing is tracked, and there is no pullback to change.
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
