import Components
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

@testable import Learning

@Suite("Optimizers and schedules") struct OptimizerTests {
  private static func expected<Value: Decodable>(_ file: String, _: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(contentsOf: URL(fileURLWithPath: fixture(file))))
  }

  @Test(
    "fifty updates agree with PyTorch's and timm's, with a group of another rate and weight decay",
    arguments: [
      ("sgd", SGD(), 0), ("momentum", SGD(momentum: 0.9, weightDecay: 0.05), 0.3),
      ("nesterov", SGD(momentum: 0.9, isNesterov: true), 0), ("adam", Adam(weightDecay: 0.05), 0.3),
      ("adamw", AdamW(beta1: 0.8, beta2: 0.95, weightDecay: 0.05), 0.3),
      ("rmsprop", RMSProp(alpha: 0.9, weightDecay: 0.05), 0.3),
      ("rmsprop_centered", RMSProp(momentum: 0.8, isCentered: true), 0),
      ("lamb", LAMB(beta1: 0.8, beta2: 0.95, weightDecay: 0.05), 0.3),
      ("lion", Lion(beta1: 0.8, beta2: 0.95, weightDecay: 0.05), 0.3),
    ] as [(String, any Optimizer, Double)])
  func updates(_ name: String, _ optimizer: any Optimizer, _ decay: Double) throws {
    let constants = [Tensor([0.1, 0.2, -0.3, 0.7, -0.4, 0.05], shape: [2, 3]), Tensor([0.9, -0.6])]
    var parameters = [Tensor([1.0, -2.0, 0.5, 0.3, 0.0, -0.7], shape: [2, 3]), Tensor([0.2, -0.1])]
    var state = OptimizerState()
    for step in 1...50 {
      let gradients = zip(parameters, constants).map { $0 * 0.5 + $1 * sin(0.7 * Double(step)) }
      parameters = optimizer.update(
        parameters, gradients, updates: [.init(rate: 0.01), .init(rate: 0.005, weightDecay: decay)], state: &state)
      #expect(Set(state.slots.keys) == Set(optimizer.slots))
    }
    let values = try #require(try Self.expected("optimizers.json", [String: [Double]].self)[name])
    for (found, expected) in zip(parameters.flatMap(\.doubles), values) {
      #expect(abs(found - expected) < 1e-9 * max(1, abs(expected)), "\(found), expected \(expected)")
    }
  }

  @Test("each parameter moves by its own learning rate, and stays at a rate of 0 bit for bit")
  func rates() throws {
    for rule in Registries.optimizers.all {
      func moved(_ indices: [Int]) -> [[Double]] {
        let starts = [Tensor([1.0, -2.0]), Tensor([0.3]), Tensor([1.5])]
        var (parameters, state) = (indices.map { starts[$0] }, OptimizerState())
        for step in 1...3 {
          parameters = rule.update(
            parameters, parameters.map { $0 * 0.5 + Double(step) },
            updates: indices.map { ParameterUpdate(rate: [0.1, 0.02, 0][$0], weightDecay: 0.1) }, state: &state)
        }
        return parameters.map(\.doubles)
      }
      #expect(moved([0, 1, 2]) == [0, 1, 2].flatMap { moved([$0]) } && moved([2]) == [[1.5]], "\(rule.name)")
    }
  }

  @Test("a parameter has the settings of the first group whose pattern its name fits; what is not trainable is frozen")
  func groups() throws {
    let network = Architecture.resnet20.network(classes: 3, seed: 1)
    func updates(_ groups: ParameterGroups) -> [String: ParameterUpdate] {
      Dictionary(uniqueKeysWithValues: zip(network.parameterNames, groups.updates(of: network, rate: 0.1)))
    }
    let grouped = ParameterGroups([
      ParameterGroup(["linear.*", "*.bias"], rateFactor: 10, weightDecay: 0.5),
      ParameterGroup(["layer2.*", "layer1.*"], rateFactor: 0), ParameterGroup(["layer*"], rateFactor: 0.5),
    ])
    let found = updates(grouped)
    #expect(found["linear.weight"] == .init(rate: 1, weightDecay: 0.5))
    #expect(found["layer1.0.bn1.bias"] == .init(rate: 1, weightDecay: 0.5))
    #expect(found["layer1.0.conv1.weight"] == .init(rate: 0))
    #expect(found["layer3.0.conv1.weight"] == .init(rate: 0.05) && found["conv1.weight"] == .init(rate: 0.1))
    #expect(grouped.frozen(of: network).count == 2 * (6 + 6))

    let trained = ParameterGroups(trainable: ["layer3.*", "linear.*"])
    #expect(trained.frozen(of: network) == Set(network.parameterNames.filter { !$0.hasPrefix("l") || $0 < "layer3" }))
    let decayed = updates(ParameterGroups([ParameterGroup(["conv1.*"], weightDecay: 2)], decaysBiasesAndNorms: false))
    #expect(decayed.filter { $0.value.weightDecay == 0 }.keys.allSatisfy { $0.contains("bn") || $0.hasSuffix("bias") })
    #expect(decayed["bn1.weight"]?.weightDecay == 0 && decayed["linear.weight"]?.weightDecay == .some(nil))
    #expect(decayed["conv1.weight"]?.weightDecay == 2)
  }

  @Test(
    "with layer decay the rate falls from block to block towards the input; a norm belongs to the convolution before it"
  )
  func layerDecay() {
    let network = Architecture.resnet20.network(classes: 3, seed: 1)
    let updates = ParameterGroups(layerDecay: 0.5).updates(of: network, rate: 1)
    for (name, depth) in [
      ("linear.weight", 0), ("linear.bias", 0), ("layer3.2.conv2.weight", 1), ("layer3.2.bn2.bias", 1),
      ("layer3.1.conv1.weight", 2), ("layer1.0.conv1.weight", 9), ("bn1.weight", 10), ("conv1.weight", 10),
    ] {
      let index = network.parameterNames.firstIndex(of: name)
      #expect(index.map { updates[$0].rate } == pow(0.5, Double(depth)), "\(name)")
    }
  }

  private struct Rates: Decodable {
    let name: String
    let warmup: Double
    let rates: [Double]
  }

  @Test("every schedule agrees with PyTorch's, for warm-ups of no step, less than one step, some steps and all steps")
  func schedules() throws {
    let all: [Rates] = try Self.expected("schedules.json")
    #expect(all.count > 250)
    for expected in all {
      let schedules: [any Schedule] = [
        ConstantSchedule(warmup: expected.warmup), CosineSchedule(warmup: expected.warmup),
        OneCycleSchedule(warmup: expected.warmup), StepSchedule(every: 3, factor: 0.2, warmup: expected.warmup),
        MultiStepSchedule(milestones: [2, 3, 9], factor: 0.2, warmup: expected.warmup),
        ExponentialSchedule(factor: 0.9, warmup: expected.warmup),
        PolynomialSchedule(power: 2, warmup: expected.warmup),
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

  private struct Updates: Decodable {
    struct Plateau: Decodable { let scores, rates: [Double] }
    let plateau: Plateau
    let norm, value, adaptive: [[Double]]
    let ema, swa: [Double]
  }

  @Test("the plateau schedule agrees with PyTorch's, counts improvement below 0 as above, and leaves the warm-up alone")
  func plateau() throws {
    let expected: Updates = try Self.expected("updates.json")
    let schedule = PlateauSchedule(patience: 1, factor: 0.2, threshold: 1e-3)
    for (count, rate) in zip(1..., expected.plateau.rates) {
      let scores = Array(expected.plateau.scores.prefix(count))
      #expect(abs(schedule.rate(0.5, at: RunPosition(step: 3, of: 9, scores: scores)) - rate) < 1e-12)
    }
    func rate(_ scores: [Double], _ step: Int = 5) -> Double {
      PlateauSchedule(patience: 0, factor: 0.5, threshold: 0.1, warmup: 0.2)
        .rate(1, at: RunPosition(step: step, of: 10, scores: scores))
    }
    #expect(rate([]) == 1 && rate([-1, -1.05]) == 0.5 && rate([-1, -1.2]) == 1 && rate([2, .infinity, .nan]) == 0.25)
    #expect(rate([2, 2], 0) == 0.5 && rate([2, 2], 1) == 1)
  }

  /// A network whose parameters are those of the clipping fixtures: a kernel, a matrix and a vector.
  private struct Parts: Module {
    var kernel = Tensor((1...24).map { sin(Double($0)) }, shape: [2, 3, 2, 2]).permuted([2, 3, 1, 0])
    var matrix = Tensor([1.0, -2.0, 0.5, 0.001, 0.0, -0.002], shape: [2, 3])
    var vector = Tensor([0.2, -0.1, 0.0])
    func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x }
    mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
      try body(path / "kernel", .kernel, &kernel)
      try body(path / "matrix", .weight, &matrix)
      try body(path / "vector", .weight, &vector)
    }
  }

  @Test("clipping by norm, by value and adaptively agrees with PyTorch's and timm's; small gradients stay as they are")
  func clipping() throws {
    let expected: Updates = try Self.expected("updates.json")
    let parts = Parts()
    let network = Network("parts", classes: 3, root: parts)
    let gradients = [
      Tensor((0..<24).map { cos(Double($0)) }, shape: [2, 3, 2, 2]).permuted([2, 3, 1, 0]), parts.matrix * 0.5 + 1e-4,
      parts.vector * 3 + 0.01,
    ]
    for (clipping, values) in [
      (ClipNorm(1.5), expected.norm), (ClipValue(0.25), expected.value),
      (ClipAdaptive(0.2, epsilon: 0.01), expected.adaptive),
    ] as [(any GradientClipping, [[Double]])] {
      let found = clipping.clipped(gradients, of: network)
      for (found, values) in zip([found[0].permuted([3, 2, 0, 1]), found[1], found[2]], values) {
        #expect(zip(found.doubles, values).allSatisfy { abs($0 - $1) < 1e-12 }, "\(clipping.name)")
      }
      let small = gradients.map { $0 * 1e-6 }
      let kept = clipping.clipped(small, of: network)
      #expect(zip(kept, small).allSatisfy { zip($0.doubles, $1.doubles).allSatisfy { abs($0 - $1) < 1e-15 } })
    }
    let excluding = ClipAdaptive(0.2, epsilon: 0.01, exclude: ["mat*"]).clipped(gradients, of: network)
    #expect(excluding[1].doubles == gradients[1].doubles && excluding[0].doubles != gradients[0].doubles)
    #expect(totalNorm([Tensor([3.0]), Tensor([0.0, 4.0])]) == 5)
  }

  @Test("moving and equal averages of weights agree with PyTorch's AveragedModel, statistics included")
  func averages() throws {
    let expected: Updates = try Self.expected("updates.json")
    let start = Architecture.resnet20.network(classes: 2, seed: 1).converted(to: .float64)
    for (averaging, values) in [
      (ExponentialAverage(decay: 0.8), expected.ema), (EqualAverage(start: 5 / 12, every: 2), expected.swa),
    ] as [(any WeightAveraging, [Double])] {
      var average = AveragedNetwork(start)
      for (step, value) in values.enumerated() {
        var network = start
        let weight = cos(1.3 * Double(step)) + 0.1 * Double(step)
        network.visit { _, _, tensor in tensor = Tensor(repeating: weight, shape: tensor.shape, .float64) }
        average.add(network, by: averaging, at: RunPosition(step: step + 1, of: 12))
        guard average.count > 0 else { continue }
        #expect(
          average.network.state.allSatisfy { abs($0.value.doubles[0] - value) < 1e-12 }, "\(averaging.name) \(step)")
      }
    }
  }

  @Test("an optimizer continues only from its own kind of state, which Adam and AdamW share")
  func adoption() throws {
    let rules: [any Optimizer] = [SGD(), SGD(momentum: 0.9), Adam(), AdamW(weightDecay: 0)]
    for (old, before) in rules.enumerated() {
      var state = OptimizerState()
      for _ in 0..<3 { _ = before.update([Tensor([1.0])], [Tensor([0.5])], updates: [.init(rate: 0.1)], state: &state) }
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
