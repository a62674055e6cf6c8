import Components
import Foundation
import TestSupport
import Testing

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

  @Test("every operation that occurs in a third derivative has its own case")
  func coverage() throws {
    var own: Set<String> = []
    var all: Set<String> = []
    for operation in OperationCase.all {
      let variables = operation.inputs.map { $0.tracked() }
      var value = operation.function(variables)
      own.formUnion(Graphs.places(in: value).map(\.operation))
      for _ in 0..<3 {
        let derivatives = gradients(of: (value * value * value).sum(), withRespectTo: variables, createGraph: true)
        value = derivatives.map { $0.squared.sum() }.reduce(Tensor(0, .float64)) { $0 + $1 }
        all.formUnion(Graphs.places(in: value).map(\.operation))
      }
    }
    #expect(all.subtracting(own).isEmpty)
    #expect(try Self.operationsInSources().subtracting(own) == [])
  }

  /// The names of the operations in the sources.
  private static func operationsInSources() throws -> Set<String> {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources/Tensors").standardizedFileURL
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    let names = try files.filter { $0.pathExtension == "swift" }.flatMap { file in
      try String(contentsOf: file, encoding: .utf8).matches(of: /(\w+\.)?operation\(\s*"(\w+)"/)
        .filter { $0.1 != "Profile." }.map { String($0.2) }
    }
    #expect(names.count > 20)
    return Set(names)
  }

  /// This includes operations that the rule does not change, so that no list has to say which ones it changes.
  @Test(
    "under every rule every operation's pullback agrees with central differences in all operands and the cotangent, to second order",
    arguments: OperationCase.all)
  func rules(_ operation: OperationCase) {
    var random = RandomSource(seed: 5, purpose: operation.name)
    let response = operation.function(operation.inputs)
    let cotangent = Tensor.uniform(response.shape, from: -1, to: 1, .float64, using: &random)
    for rule in BackwardRule.allCases where rule != .derivative {
      let inputs = operation.inputs + [cotangent]
      let pullback = operation.pullback(rule)
      guard pullback(inputs).doubles != operation.pullback(.derivative)(inputs).doubles else { continue }
      var check = DerivativeCheck()
      check.order = 2
      check.steps = [1e-5, 1e-6, 1e-7]
      #expect(check.failure(of: pullback, at: inputs) == nil, "\(rule)")
    }
  }

  @Test("every rule changes the operations that it is meant for, and the table has all forms of them")
  func ruledOperations() {
    func changed(by rule: BackwardRule) -> Set<String> {
      Set(
        OperationCase.all.filter { operation in
          let inputs = operation.inputs + [operation.function(operation.inputs).detached() - 0.1]
          return operation.pullback(rule)(inputs).doubles != operation.pullback(.derivative)(inputs).doubles
        }.map(\.name))
    }
    let (guided, excitation) = (changed(by: .guided), changed(by: .excitation))
    for form in ["", " each image by its own"] {
      for what in [", relu", ", add, relu"] { #expect(guided.contains("normalize\(form)\(what)"), "\(form)\(what)") }
      for what in ["", ", add", ", relu", ", add, relu"] {
        #expect(excitation.contains("normalize\(form)\(what)"), "\(form)\(what)")
      }
    }
    #expect(guided == changed(by: .deconvolution))
  }

  @Test("square roots and norms have derivative 0 at the origin, to every order")
  func origin() {
    for function in [{ (x: Tensor) in x.norm([0]) }, { $0.sqrt.sum() }, { $0.reciprocalOrZero.sum() }] {
      let x = Tensor.zeros([4], .float64).tracked()
      var value = function(x)
      for _ in 0..<3 {
        let derivative = gradients(of: value, withRespectTo: [x], createGraph: true)[0]
        #expect(derivative.doubles == [0, 0, 0, 0])
        value = derivative.sum()
      }
    }
  }

  @Test("ReLU has the right first derivative, and its second derivative is 0")
  func relu() {
    let x = Tensor([-1.0, 0, 2]).tracked()
    let derivative = gradients(of: x.relu.sum(), withRespectTo: [x], createGraph: true)[0]
    #expect(derivative.doubles == [0, 0, 1])
    #expect(gradients(of: derivative.sum(), withRespectTo: [x])[0].doubles == [0, 0, 0])
  }

  @Test("float32 convolutions agree with float64 ones in every slot", arguments: OperationCase.convolutions.indices)
  func precisions(_ index: Int) {
    let (_, image, kernel, geometry) = OperationCase.convolutions[index]
    var random = RandomSource(seed: 3, purpose: "convolution")
    let (x, w) = (Tensor.normal(image, .float64, using: &random), Tensor.normal(kernel, .float64, using: &random))
    func slots(_ type: ScalarType) -> [Tensor] {
      let (x, w) = (x.converted(to: type).tracked(), w.converted(to: type).tracked())
      let y = x.convolved(with: w, geometry)
      return [y.detached()] + gradients(of: y, withRespectTo: [x, w], cotangents: y.detached())
    }
    for (single, double) in zip(slots(.float32), slots(.float64)) {
      #expect(relativeError(single.converted(to: .float64), double) < 1e-5)
    }
  }
}
