import Networks
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Learning

@Suite("The meta step") struct MetaStepTests {
  private static let network = Architecture.plain.network(classes: 4, seed: 3)
  private static var images: Tensor {
    var random = RandomSource(seed: 2, purpose: "images")
    return .normal([3, 12, 12, 3], using: &random)
  }
  private static let labels = [0, 3, 1]
  private static let layers = ["features.5", "features.8"]

  private static func step(
    _ inner: InnerUpdate?, at: [ClassSensitivity.Weights], method: Method = .normGrad, layers: [String] = layers,
    similarity: Similarity = .pearson, normalization: Pass.Normalization = .running
  ) -> MetaStep {
    MetaStep(
      inner: inner, method: method, layers: layers,
      objectives: [
        WeightedObjective(.crossEntropy, weight: 0.7),
        WeightedObjective(
          .classSensitivity(ClassSensitivity(at: at, against: .second, similarity: similarity)), weight: 2),
      ], normalization: normalization)
  }

  @Test(
    "the outer gradient agrees with central differences through one and two inner steps, in both scopes",
    arguments: InnerUpdate.Scope.allCases, [1, 2])
  func outerGradient(_ scope: InnerUpdate.Scope, _ steps: Int) throws {
    let step = Self.step(InnerUpdate(rate: 0.05, steps: steps, scope: scope), at: [.plain, .virtual])
    try check(step)
  }

  /// All named methods, those with many passes reduced to a few, and one of each kind of pair and wrapper.
  static let methodNames =
    Method.named.map(\.name).filter { !["integrated_gradients", "rise"].contains($0) } + [
      "integrated_gradients:3", "rise:4", "smooth:2/normgrad", "competitive/grad_cam", "bias/max", "conv3x3/norm",
      "conv3x3/filtered_norm", "conv1x1/positive", "conv3x3/max", "depthwise3x3/norm", "depthwise3x3/filtered_norm",
      "depthwise3x3/max", "own_conv/filtered_norm",
    ]

  @Test("the outer gradient agrees with central differences for every method", arguments: methodNames)
  func methods(_ name: String) throws {
    let method = try #require(Method(name))
    #expect(method.description == name || name == "gradient_times_input")
    let layers =
      name.hasPrefix("rise")
      ? ["input"] : name.contains("conv") && !name.contains("x") ? ["features.3", "features.6"] : Self.layers
    try check(
      Self.step(
        InnerUpdate(rate: 0.05, parameters: ["features.*"]), at: [.virtual], method: method, layers: layers,
        similarity: .cosine))
  }

  @Test("the task loss may normalize by the batch's statistics, which move the running ones")
  func batchStatistics() throws {
    let step = Self.step(InnerUpdate(rate: 0.05), at: [.virtual], normalization: .batch)
    // With batch statistics every activation depends on every weight, so that only a small step crosses no kink.
    try check(step, h: 1e-8, tolerance: 1e-4)
    var random = RandomSource(seed: 0, purpose: "test")
    let moved = try #require(try step(Self.network, Self.images, labels: Self.labels, random: &random).statistics)
    let before = Self.network.state.filter { $0.kind == .statistic }.map(\.value.doubles)
    #expect(moved.state.filter { $0.kind == .statistic }.map(\.value.doubles) != before)
  }

  private func check(_ step: MetaStep, h: Double = 1e-6, tolerance: Double = 1e-5) throws {
    let (network, images) = (Self.network.converted(to: .float64), Self.images.converted(to: .float64))
    func outcome(_ parameters: [Tensor]) throws -> MetaStep.Outcome {
      var random = RandomSource(seed: 0, purpose: "test")
      return try step(network.with(parameters: parameters), images, labels: Self.labels, workers: 2, random: &random)
    }
    var random = RandomSource(seed: 9, purpose: "direction")
    let parameters = network.parameters
    let direction = parameters.map { Tensor.normal($0.shape, .float64, using: &random) }
    func moved(by h: Double) throws -> Double {
      try outcome(zip(parameters, direction).map { $0 + $1 * h }).total
    }
    let found = zip(try outcome(parameters).gradients, direction).reduce(0) { $0 + ($1.0 * $1.1).sum().item }
    // A large step may cross a kink, and a small one is dominated by rounding errors, so several steps are tried.
    let errors = try [1, 0.1, 0.01].map { factor in
      let step = h * factor
      let expected = (try moved(by: step) - moved(by: -step)) / (2 * step)
      return abs(found - expected) / max(1, abs(expected))
    }
    #expect(try #require(errors.min()) < tolerance, "\(found), relative errors \(errors)")
  }

  @Test(
    "the result does not depend on the number of workers, bit for bit", arguments: InnerUpdate.Scope.allCases,
    [[ClassSensitivity.Weights.plain], [.plain, .virtual]])
  func workers(_ scope: InnerUpdate.Scope, _ weights: [ClassSensitivity.Weights]) throws {
    let step = Self.step(InnerUpdate(rate: 0.05, scope: scope), at: weights)
    // The images are large enough for kernels to divide their work among threads if there are more workers than jobs.
    let network = Architecture.plain.network(classes: 1000, seed: 3)
    let images = Tensor.concatenated([Self.images, Self.images], axis: 0).resized(height: 48, width: 48)
    let all = try [1, 2, 3, 16].map { workers in
      var random = RandomSource(seed: 0, purpose: "test")
      return try step(network, images, labels: Self.labels + [2, 5, 900], workers: workers, random: &random)
    }
    for other in all.dropFirst() {
      #expect(other.values == all[0].values)
      #expect(other.gradients.map(\.floats) == all[0].gradients.map(\.floats))
    }
  }

  @Test("small images with their own updates are computed together, for any number of workers with the same bits")
  func together() throws {
    var random = RandomSource(seed: 4, purpose: "images")
    let images = Tensor.normal([8, 12, 12, 3], using: &random)
    let labels = [0, 3, 1, 2, 2, 0, 1, 3]
    let step = Self.step(InnerUpdate(rate: 0.05, steps: 2), at: [.plain, .virtual])
    func outcome(_ images: Tensor, _ labels: [Int], workers: Int) throws -> MetaStep.Outcome {
      var random = RandomSource(seed: 0, purpose: "test")
      return try step(Self.network, images, labels: labels, workers: workers, random: &random)
    }
    let all = try [1, 2, 4].map { try outcome(images, labels, workers: $0) }
    for other in all.dropFirst() {
      #expect(other.values == all[0].values)
      #expect(other.gradients.map(\.floats) == all[0].gradients.map(\.floats))
    }
    // A batch of one image weights it by 1, a batch of 8 by 1/8.
    var sum: [Tensor] = []
    for index in labels.indices {
      let own = try outcome(images.sliced(axis: 0, from: index, length: 1), [labels[index]], workers: 1)
      sum = sum.isEmpty ? own.gradients : zip(sum, own.gradients).map { $0 + $1 }
    }
    for (found, expected) in zip(all[0].gradients, sum) {
      #expect(relativeError(found, expected * 0.125) < 1e-5)
    }
  }

  @Test(
    "recomputed activations give the same result as kept ones", arguments: InnerUpdate.Scope.allCases,
    [Architecture.plain, .resnet20, .resnet18, .mobilenet_v2])
  func recomputation(_ scope: InnerUpdate.Scope, _ architecture: Architecture) throws {
    let network = architecture.network(classes: 5, seed: 3).converted(to: .float64)
    var random = RandomSource(seed: 4, purpose: "images")
    let images = Tensor.normal([2, 32, 32, 3], .float64, using: &random)
    // Layers that are the outputs of blocks, and one inside a block or a stretch.
    let stages = network.stages(height: 32, width: 32).suffix(2)
    let inside = network.convolutionNames[network.convolutionNames.count / 2]
    let outcomes = try [false, true].map { recomputes in
      var step = Self.step(
        InnerUpdate(rate: 0.001, steps: 2, scope: scope), at: [.plain, .virtual], layers: stages + [inside])
      step.recomputes = recomputes
      var random = RandomSource(seed: 0, purpose: "test")
      return try step(network, images, labels: [1, 4], random: &random)
    }
    #expect(abs(outcomes[0].total - outcomes[1].total) < 1e-10)
    for (kept, again) in zip(outcomes[0].gradients, outcomes[1].gradients) {
      #expect(relativeError(again, kept) < 1e-8 || kept.abs.sum().item < 1e-10)
    }
  }

  @Test(
    "before global average pooling and a linear layer NormGrad does not depend on the class unless the inner step moves the backbone"
  )
  func lastLayer() throws {
    let last = ["features.14"]
    let constant = 1.0
    func outcome(_ inner: InnerUpdate?, _ at: ClassSensitivity.Weights) throws -> (value: Double, norm: Double) {
      let network = Self.network.converted(to: .float64)
      var step = Self.step(inner, at: [at], layers: last)
      step.objectives.removeFirst()
      var random = RandomSource(seed: 0, purpose: "test")
      let result = try step(network, Self.images.converted(to: .float64), labels: Self.labels, random: &random)
      let norm = result.gradients.reduce(0) { $0 + $1.squared.sum().item }.squareRoot()
      return (try #require(result.values[0]), norm)
    }
    for (inner, at) in [
      (nil, ClassSensitivity.Weights.plain), (InnerUpdate(rate: 0.05, parameters: ["classifier.*"]), .virtual),
    ] {
      let blind = try outcome(inner, at)
      #expect(abs(blind.value - constant) < 1e-12)
      #expect(blind.norm < 1e-9)
    }
    let seeing = try outcome(InnerUpdate(rate: 0.05), .virtual)
    #expect(seeing.value < 1 - 1e-6)
    #expect(seeing.norm > 1e-6)
  }

  @Test("first order holds the inner gradient constant, so its value agrees with exact order and its gradient does not")
  func orders() throws {
    let outcomes = try [InnerUpdate.Order.exact, .first].map { order in
      var random = RandomSource(seed: 0, purpose: "test")
      let step = Self.step(InnerUpdate(rate: 0.05, order: order), at: [.virtual])
      return try step(Self.network, Self.images, labels: Self.labels, random: &random)
    }
    #expect(outcomes[0].values == outcomes[1].values)
    #expect(outcomes[0].gradients.map(\.floats) != outcomes[1].gradients.map(\.floats))
  }

  @Test("the inner gradient scales with 1 − p: tiny for a confident class, large for an unlikely one")
  func innerGradient() {
    let network = Self.network.with(parameters: Self.network.parameters.map { $0.tracked() })
    let image = Self.images.sliced(axis: 0, from: 0, length: 1) * 5
    let output = network(image)
    func move(_ class_: Int) -> Double {
      let moved = InnerUpdate(rate: 1).applied(to: network, image, output, towards: [class_])
      return zip(moved.parameters, network.parameters).reduce(0) { $0 + ($1.0 - $1.1).squared.sum().item }.squareRoot()
    }
    #expect(move(output.logits.argmax()[0]) < move((output.logits * -1).argmax()[0]))
  }

  @Test("in batch scope the images share an update; in image scope an update does not depend on other images")
  func coupling() throws {
    let network = Self.network.with(parameters: Self.network.parameters.map { $0.tracked() })
    /// The first image's map after an update that this many images share.
    func map(of count: Int, rate: Double) -> [Float] {
      let images = Self.images.sliced(axis: 0, from: 0, length: count)
      let classes = Array(Self.labels.prefix(count))
      let moved = InnerUpdate(rate: rate)
        .applied(to: network, images, network(images), towards: classes)
      let first = Self.images.sliced(axis: 0, from: 0, length: 1)
      return Inference(moved, first, capturing: ["features.8"])
        .maps(.normGrad, of: [classes[0]], at: ["features.8"])[0].floats
    }
    #expect(map(of: 1, rate: 0.05) != map(of: 3, rate: 0.05))
    #expect(map(of: 1, rate: 0) == map(of: 3, rate: 0))

    // In image scope the batch's value is the mean of the single images' values; in batch scope it is not.
    for scope in InnerUpdate.Scope.allCases {
      func value(_ range: Range<Int>) throws -> Double {
        let step = MetaStep(
          inner: InnerUpdate(rate: 0.05, scope: scope), method: .normGrad, layers: Self.layers,
          objectives: [
            WeightedObjective(.classSensitivity(ClassSensitivity(at: [.virtual], against: .bottom)), weight: 1)
          ])
        var random = RandomSource(seed: 0, purpose: "test")
        return try step(
          Self.network, Self.images.sliced(axis: 0, from: range.lowerBound, length: range.count),
          labels: Array(Self.labels[range]), random: &random
        ).total
      }
      let mean = try (0..<3).reduce(0) { $0 + (try value($1..<($1 + 1))) } / 3
      #expect((abs(try value(0..<3) - mean) < 1e-5) == (scope == .image), "\(scope)")
    }
  }

  @Test("the contrast class is never the explained one")
  func contrastClasses() {
    let logits = Tensor([3.0, 1, 2, -1, 0, 5], shape: [2, 3])
    func classes(_ explain: ClassSensitivity.Explained, _ against: ClassSensitivity.Contrast) -> [[Int]] {
      let pair = ClassSensitivity(explain: explain, against: against).classes(
        logits: logits, labels: [1, 0], draws: [0, 1])
      return [pair.explained, pair.contrast]
    }
    #expect(classes(.label, .bottom) == [[1, 0], [2, 1]])
    #expect(classes(.top, .bottom) == [[0, 2], [1, 0]])
    #expect(classes(.top, .second) == [[0, 2], [2, 1]])
    #expect(classes(.label, .second) == [[1, 0], [0, 2]])
    #expect(classes(.label, .random) == [[1, 0], [0, 2]])
  }

  @Test(
    "patterns name parameters",
    arguments: [
      ("layer3.*", "layer3.0.conv1.weight", true), ("layer3.*", "layer2.0.conv1.weight", false), ("*", "", true),
      ("*.bias", "linear.bias", true), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false),
      ("linear", "linear.bias", false),
      ("ab*ba", "aba", false),
    ])
  func patterns(_ pattern: String, _ name: String, _ matches: Bool) {
    #expect(name.matches(pattern: pattern) == matches)
  }
}
