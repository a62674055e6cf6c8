import Testing

@testable import Tensors

@Suite("Graphs") struct GraphTests {
  @Test("a chain of 100,000 operations is differentiated and released without overflowing the stack")
  func longChain() {
    let x = Tensor([1.0, 2]).tracked()
    var y = x
    for _ in 0..<100_000 { y = y * 1.00001 }
    let derivative = gradients(of: y.sum(), withRespectTo: [x], createGraph: true)[0]
    #expect(abs(derivative.doubles[0] - 2.718268) < 1e-4)
  }

  /// Operations that map a tensor to one of the same shape, from which chains are made.
  static let links: [(name: String, link: @Sendable (Tensor) -> Tensor)] = {
    let vector = Tensor([1.0, 0.5])
    let kernel = Tensor([1.0, 0, 0, 1], shape: [1, 1, 2, 2])
    let constant = Tensor([0.5, 1], shape: [1, 1, 1, 2])
    @Sendable func normalized(_ x: Tensor, _ residual: Tensor?, _ isNonNegative: Bool) -> Tensor {
      x.normalized(
        mean: vector, rate: vector, weight: vector, bias: vector, residual: residual, relu: isNonNegative)
    }
    return [
      ("normalize", { normalized($0, nil, false) }), ("normalize, relu", { normalized($0, nil, true) }),
      ("normalize, add", { normalized($0, $0, false) }), ("normalize, add, relu", { normalized($0, $0, true) }),
      ("residual of a normalization", { normalized(constant, $0, false) }),
      ("residual of a relu normalization", { normalized(constant, $0, true) }),
      ("bias, relu", { $0.biased(by: vector, relu: true) }), ("join", { $0.residualAdd(constant) }),
      ("residual of a join", { constant.residualAdd($0) }), ("convolve", { $0.convolved(with: kernel) }),
      ("recompute", { .recomputed([$0, constant]) { normalized($0[0], $0[1], true) } }),
      ("limit", { $0.limited(to: 6) }), ("gate", { $0.gated(by: $0) }),
      ("add a multiple", { $0.adding($0, times: 0.1) }),
    ]
  }()

  @Test("chains of 50,000 fused operations are released without overflowing the stack", arguments: links.map(\.name))
  func fusedChain(_ name: String) throws {
    let link = try #require(Self.links.first { $0.name == name }?.link)
    let x = Tensor([0.5, 0.25], shape: [1, 1, 1, 2]).tracked()
    var y = x
    for _ in 0..<50_000 { y = link(y) }
    #expect(y.isTracked)
  }

  /// A graph that a pullback captured would be released recursively.
  @Test(
    "no pullback, also of derivatives under any rule, retains a part of the graph", arguments: OperationCase.all
  )
  func captures(_ operation: OperationCase) {
    struct Reference { weak var node: Node? }
    func graph() -> [(pullback: Pullback, node: Reference)] {
      let inputs = operation.inputs.map { $0.tracked() }
      let derivatives = BackwardRule.allCases.flatMap {
        gradients(of: operation.function(inputs), withRespectTo: inputs, rule: $0, createGraph: true)
      }
      let all = ([operation.function(inputs)] + derivatives).map { $0.reshaped([-1]) }
      return Graphs.nodes(behind: .concatenated(all, axis: 0)).map { ($0.pullback, Reference(node: $0)) }
    }
    let nodes = graph()
    #expect(nodes.count > 2)
    withExtendedLifetime(nodes.map(\.pullback)) {
      #expect(nodes.compactMap(\.node.node).map { "\($0.operation)" } == [])
    }
  }

  @Test("nothing is recorded for tensors that are not tracked, nor for derivatives that are not kept")
  func recording() {
    let x = Tensor([1.0, 2])
    #expect(!(x * x).isTracked)
    let v = x.tracked()
    #expect(!gradients(of: (v * v * v).sum(), withRespectTo: [v])[0].isTracked)
    #expect(gradients(of: (v * v * v).sum(), withRespectTo: [v], createGraph: true)[0].isTracked)
    #expect(!(v * v).detached().isTracked)
  }

  @Test("derivatives reach intermediate results and sum over several paths")
  func intermediate() {
    let x = Tensor([3.0]).tracked()
    let h = x * x
    let y = h * h + h
    let derivatives = gradients(of: y, withRespectTo: [h, x])
    #expect(derivatives.map(\.item) == [19, 114])
  }

  @Test("a variable that the output does not depend on has derivative zero")
  func independent() {
    let (x, z) = (Tensor([3.0]).tracked(), Tensor([1.0, 2]).tracked())
    #expect(gradients(of: x * 2, withRespectTo: [z])[0].doubles == [0, 0])
  }

  @Test("`cotangents` multiplies the output's elements")
  func cotangents() {
    let x = Tensor([1.0, 2, 3]).tracked()
    let derivative = gradients(of: x * x, withRespectTo: [x], cotangents: Tensor([1.0, 0, 2]))[0]
    #expect(derivative.doubles == [2, 0, 12])
  }

  @Test("derivatives of several outputs add up, also if one depends on another or occurs twice")
  func severalOutputs() {
    let x = Tensor([1.0, 2, 3]).tracked()
    let h = x * x
    let y = (h * h).sum()
    let weights = [Tensor([1.0, 2, 3]), Tensor(0.5, .float64), Tensor([1.0, 1, 1]), Tensor(7, .float64)]
    for outputs in [[h, y, h, Tensor(1, .float64)], [h, y, x, Tensor(1, .float64)]] {
      let derivative = gradients(of: outputs, withRespectTo: [x], cotangents: weights)[0]
      let apart = zip(outputs, weights).map { gradients(of: $0, withRespectTo: [x], cotangents: $1)[0] }
      #expect(derivative.doubles == apart.dropFirst().reduce(apart[0]) { $0 + $1 }.doubles)
    }
    #expect(gradients(of: [], withRespectTo: [x], cotangents: [])[0].doubles == [0, 0, 0])
  }

  @Test("threads may differentiate graphs that share variables")
  func threads() throws {
    let x = Tensor([1.0, 2]).tracked()
    let sums = try Parallel.map(64, workers: 4) { i in
      gradients(of: (x * x * Double(i)).sum(), withRespectTo: [x])[0].doubles
    }
    #expect(sums == (0..<64).map { [2.0 * Double($0), 4.0 * Double($0)] })
  }
}
