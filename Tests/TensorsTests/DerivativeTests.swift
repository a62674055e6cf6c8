import Testing
import TestSupport

@testable import Tensors

@Suite("Derivatives") struct DerivativeTests {
  @Test("every operation's derivatives agree with central differences to third order", arguments: OperationCase.all)
  func thirdOrder(_ operation: OperationCase) {
    #expect(DerivativeCheck().failure(of: operation.function, at: operation.inputs) == nil)
  }

  @Test("a sign error planted in any pullback is found", arguments: OperationCase.all)
  func plantedFault(_ operation: OperationCase) {
    let result = operation.function(operation.inputs.map { $0.tracked() })
    for place in Graphs.places(in: result) {
      var check = DerivativeCheck()
      check.order = 1
      check.fault = place
      #expect(check.failure(of: operation.function, at: operation.inputs) != nil, "\(place)")
    }
  }

  @Test("every operation that any third derivative is made of has a case of its own")
  func coverage() {
    var own: Set<String> = []
    var all: Set<String> = []
    for operation in OperationCase.all {
      let variables = operation.inputs.map { $0.tracked() }
      var value = operation.function(variables)
      own.formUnion(Graphs.places(in: value).map(\.operation))
      for _ in 0..<3 {
        let slopes = gradients(of: (value * value * value).sum(), withRespectTo: variables, keepingGraph: true)
        value = slopes.map { $0.squared.sum() }.reduce(Tensor(0, .float64)) { $0 + $1 }
        all.formUnion(Graphs.places(in: value).map(\.operation))
      }
    }
    #expect(all.subtracting(own).isEmpty)
  }

  @Test("square roots and norms have derivative 0 at the origin, to every order")
  func origin() {
    for function in [{ (x: Tensor) in x.norm([0]) }, { $0.squareRoot.sum() }, { $0.reciprocalOrZero.sum() }] {
      let x = Tensor.zeros([4], .float64).tracked()
      var value = function(x)
      for _ in 0..<3 {
        let slope = gradients(of: value, withRespectTo: [x], keepingGraph: true)[0]
        #expect(slope.doubles == [0, 0, 0, 0])
        value = slope.sum()
      }
    }
  }

  @Test("rectification lets the first derivative flow and has no second")
  func rectification() {
    let x = Tensor([-1.0, 0, 2]).tracked()
    let slope = gradients(of: x.rectified.sum(), withRespectTo: [x], keepingGraph: true)[0]
    #expect(slope.doubles == [0, 0, 1])
    #expect(gradients(of: slope.sum(), withRespectTo: [x])[0].doubles == [0, 0, 0])
  }

  @Test("float32 convolutions agree with float64 ones in every slot", arguments: OperationCase.convolutions.indices)
  func precisions(_ index: Int) {
    let (_, image, kernel, geometry) = OperationCase.convolutions[index]
    var random = RandomSource(seed: 3, purpose: "convolution")
    let (x, w) = (Tensor.normal(image, .float64, using: &random), Tensor.normal(kernel, .float64, using: &random))
    func slots(_ type: ScalarType) -> [Tensor] {
      let (x, w) = (x.converted(to: type).tracked(), w.converted(to: type).tracked())
      let y = x.convolved(with: w, geometry)
      return [y.detached()] + gradients(of: y, withRespectTo: [x, w], weighting: y.detached())
    }
    for (single, double) in zip(slots(.float32), slots(.float64)) {
      #expect(relativeError(single.converted(to: .float64), double) < 1e-5)
    }
  }
}
