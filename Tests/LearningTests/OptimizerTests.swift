import Foundation
import Tensors
import TestSupport
import Testing

@testable import Learning

@Suite("Optimizers and schedules") struct OptimizerTests {
  private static func expected() throws -> [String: [Double]] {
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture("optimizers.json")))
    return try JSONDecoder().decode([String: [Double]].self, from: data)
  }

  @Test(
    "five updates agree with PyTorch's",
    arguments: [
      ("sgd", SGD()), ("momentum", SGD(momentum: 0.9, weightDecay: 0.05)),
      ("nesterov", SGD(momentum: 0.9, isNesterov: true)), ("adam", Adam(weightDecay: 0.05)),
      ("adamw", AdamW(beta1: 0.8, beta2: 0.95, weightDecay: 0.05)),
    ] as [(String, any Optimizer)])
  func updates(_ name: String, _ optimizer: any Optimizer) throws {
    var (parameters, state) = ([Tensor([1.0, -2.0, 0.5])], OptimizerState())
    for step in 0..<5 {
      let gradient = parameters[0] + Tensor([0.1, 0.2, -0.3]) * Double(step + 1)
      parameters = optimizer.update(parameters, [gradient], rates: [0.1], state: &state)
    }
    let values = try #require(try Self.expected()[name])
    for (found, expected) in zip(parameters[0].doubles, values) { #expect(abs(found - expected) < 1e-12) }
  }

  @Test("each parameter moves by its own learning rate, and stays at a rate of 0 bit for bit")
  func rates() throws {
    for rule in [SGD(momentum: 0.9, weightDecay: 0.1), Adam(weightDecay: 0.1), AdamW()] as [any Optimizer] {
      func moved(_ indices: [Int]) -> [[Double]] {
        let starts = [Tensor([1.0, -2.0]), Tensor([0.3]), Tensor([1.5])]
        var (parameters, state) = (indices.map { starts[$0] }, OptimizerState())
        for step in 1...3 {
          parameters = rule.update(
            parameters, parameters.map { $0 * 0.5 + Double(step) }, rates: indices.map { [0.1, 0.02, 0][$0] },
            state: &state)
        }
        return parameters.map(\.doubles)
      }
      #expect(moved([0, 1, 2]) == [0, 1, 2].flatMap { moved([$0]) } && moved([2]) == [[1.5]])
    }
  }

  @Test("a parameter has the learning rate of the first group whose pattern its name fits")
  func groups() {
    let groups = [
      ParameterGroup(["head.*", "*.bias"], rateFactor: 10), ParameterGroup(["layer?.*", "layer1.*"], rateFactor: 0),
      ParameterGroup(["layer*"], rateFactor: 0.5),
    ]
    let names = ["head.weight", "layer1.bias", "layer1.weight", "layer2.weight", "conv1.weight"]
    #expect(ParameterGroup.rates(0.1, of: names, in: groups) == [1, 1, 0, 0.05, 0.1])
    #expect(ParameterGroup.frozen(of: names, in: groups) == ["layer1.weight"])
  }

  private struct Rates: Decodable {
    let name: String
    let warmup: Double
    let rates: [Double]
  }

  @Test("every schedule agrees with PyTorch's, for warm-ups of no step, less than one step, some steps and all steps")
  func schedules() throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture("schedules.json")))
    let all = try JSONDecoder().decode([Rates].self, from: data)
    #expect(all.count > 100)
    for expected in all {
      let schedules: [any Schedule] = [
        ConstantSchedule(warmup: expected.warmup), CosineSchedule(warmup: expected.warmup),
        OneCycleSchedule(warmup: expected.warmup),
      ]
      let schedule = try #require(schedules.first { $0.name == expected.name })
      for (step, rate) in expected.rates.enumerated() {
        let found = schedule.rate(0.5, step: step, of: expected.rates.count)
        #expect(
          abs(found - rate) < 1e-12, "\(expected.name), step \(step) of \(expected.rates.count), \(expected.warmup)")
      }
    }
  }

  @Test("constant and cosine schedules warm up linearly; cosine falls towards 0")
  func warmup() {
    let constant = ConstantSchedule(warmup: 0.4)
    #expect((0..<10).map { constant.rate(2, step: $0, of: 10) } == [0.5, 1, 1.5, 2, 2, 2, 2, 2, 2, 2])
    let cosine = CosineSchedule()
    #expect(cosine.rate(2, step: 0, of: 10) == 2)
    #expect(abs(cosine.rate(2, step: 5, of: 10) - 1) < 1e-12)
    #expect(cosine.rate(2, step: 9, of: 10) < 0.1)
    #expect(OneCycleSchedule(warmup: 0).rate(1, step: 0, of: 1).isFinite)
    #expect(OneCycleSchedule(warmup: 1).rate(1, step: 9, of: 10).isFinite)
  }

  @Test("gradients with a larger norm than the limit are scaled to it, others stay the same")
  func clipping() {
    let (scaled, norm) = clipped([Tensor([3.0]), Tensor([0.0, 4.0])], toNorm: 1)
    #expect(norm == 5)
    #expect(abs(scaled[1].doubles[1] - 0.8) < 1e-6)
    #expect(clipped([Tensor([3.0])], toNorm: 10).gradients[0].doubles == [3])
    #expect(clipped([Tensor([3.0])], toNorm: nil).gradients[0].doubles == [3])
  }

  @Test("an optimizer continues only from its own kind of state, which Adam and AdamW share")
  func adoption() throws {
    let rules: [any Optimizer] = [SGD(), SGD(momentum: 0.9), Adam(), AdamW(weightDecay: 0)]
    for (old, before) in rules.enumerated() {
      var state = OptimizerState()
      for _ in 0..<3 { _ = before.update([Tensor([1.0])], [Tensor([0.5])], rates: [0.1], state: &state) }
      for (new, after) in rules.enumerated() {
        let adopted = after.adopting(state)
        #expect((adopted != nil) == (old / 2 == new / 2))
        if let adopted { #expect(adopted.updates == 3) }
        // Without momentum there is no state. With momentum, the only velocity is that of the previous update.
        if old < 2, let adopted { #expect(adopted.slots.isEmpty == (old == 0 || new == 0)) }
      }
      state.slots.removeValue(forKey: "second_moment")
      if old >= 2 { #expect(before.adopting(state) == nil) }
    }
    for rule in rules { #expect(rule.adopting(.init())?.updates == 0) }
  }
}
