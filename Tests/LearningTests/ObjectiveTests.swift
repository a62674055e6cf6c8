import Components
import Networks
import Saliency
import TestSupport
import Tensors
import Testing

@testable import Learning

/// The change of the label's maps by a virtual update: the squared distance between the maps before and after it. Its
/// single term has plain and virtual passes.
private struct MapShift: OuterObjective {
  let name = "map_shift"
  var strength = 1.0

  mutating func visit(_ keys: Keys) { keys("strength", &strength, .number(0...10)) }

  func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds(usesVirtualWeights: true) }

  func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (labels, maps) = (images.labels, images.maps)
    return [
      ObjectiveTerm([
        PassRequest(.plain, layers: maps.layers), PassRequest(.virtual(towards: labels), layers: maps.layers),
      ]) { passes in
        let both = passes.map { $0.maps(maps.method, of: labels, at: maps.layers, createGraph: true) }
        let distances = zip(both[0], both[1]).map { ($0 - $1).squared.sum([1, 2]) }
        return distances.dropFirst().reduce(distances[0]) { $0 + $1 } * strength
      }
    ]
  }
}

/// The spread of the images' logits: the squared distance of each image's logits from the mean, at plain or virtual
/// weights. It couples the images of a batch.
private struct Spread: OuterObjective {
  let name = "spread"
  var isVirtual = false

  func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(usesVirtualWeights: isVirtual, couplesImages: true)
  }

  func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    [
      ObjectiveTerm([PassRequest(isVirtual ? .virtual(towards: images.labels) : .plain)]) { passes in
        let logits = passes[0].output.logits
        return (logits - logits.mean([0])).squared.sum([1])
      }
    ]
  }
}

/// The label's logit for images that are turned upside down, at plain and virtual weights. It tests images of an
/// objective's own.
private struct Upended: OuterObjective {
  let name = "upended"

  func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds(usesVirtualWeights: true) }

  func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (labels, height) = (images.labels, images.images.shape[1])
    let rows = (0..<height).map { images.images.sliced(axis: 1, from: height - 1 - $0, length: 1) }
    let own = Tensor.concatenated(rows, axis: 1)
    return [PassRequest.Weights.plain, .virtual(towards: labels)].map { weights in
      ObjectiveTerm([PassRequest(weights, images: own)]) { $0[0].output.logits.takenAlongLastAxis(labels) }
    }
  }
}

/// The squared distance of the label's maps from those of the network that the run starts from.
private struct Drift: OuterObjective {
  let name = "drift"

  func needs(_ maps: MapSettings) -> ObjectiveNeeds { ObjectiveNeeds(layers: maps.layers, usesReference: true) }

  func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (labels, maps) = (images.labels, images.maps)
    let start = images.reference?.maps(maps.method, of: labels, at: maps.layers).map { $0.detached() } ?? []
    return images.terms(at: [.plain], of: [labels]) { layers in
      zip(layers, start).map { ($0[0] - $1).squared.sum([1, 2]) }.sum
    }
  }
}

/// The part of the agreement of plain and virtual maps that comes from the virtual map: the plain one is held constant.
private struct HeldPlain: OuterObjective {
  let name = "held_plain"

  func needs(_ maps: MapSettings) -> ObjectiveNeeds { WeightAgreement().needs(maps) }

  func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (labels, maps) = (images.labels, images.maps)
    return [
      ObjectiveTerm(WeightAgreement().terms(for: images)[0].passes) { passes in
        let both = passes.map { $0.maps(maps.method, of: labels, at: maps.layers, createGraph: true) }
        return zip(both[0], both[1]).map { 1 - Similarity.pearson($0.detached(), $1) }.mean
      }
    ]
  }
}

@Suite("Objectives") struct ObjectiveTests {
  /// The batch norms' shifts are not 0; otherwise pixels that are set to 0 would lie on the kink of every ReLU.
  private static let network: Network = {
    let network = Architecture.plain.network(classes: 4, seed: 3).converted(to: .float64)
    var random = RandomSource(seed: 5, purpose: "shifts")
    return network.with(
      parameters: zip(network.parameterNames, network.parameters).map { name, parameter in
        guard name.hasSuffix("bias") else { return parameter }
        return .uniform(parameter.shape, from: -0.3, to: 0.3, .float64, using: &random)
      })
  }()
  private static let images: Tensor = {
    var random = RandomSource(seed: 2, purpose: "images")
    return .normal([5, 12, 12, 3], .float64, using: &random)
  }()
  private static let labels = [0, 3, 1, 2, 1]
  /// Objects of two classes in each image, the first of the label.
  private static let objects = labels.enumerated().map { image, label in
    [(label, 1..<7, 2..<(8 + image)), ((label + 1 + image % 3) % 4, 6..<11, 5..<12)].map { label, columns, rows in
      MetaStep.Batch.Object(label: label, region: Region(width: 12, height: 12, boxes: [(columns, rows)]))
    }
  }

  private static func step(_ objectives: [(any OuterObjective, Double)], _ inner: InnerUpdate?) -> MetaStep {
    MetaStep(
      inner: inner, method: .normGrad, layers: ["features.5", "features.8"],
      objectives: objectives.map { WeightedObjective($0, weight: $1) }, reference: reference)
  }

  /// Another network of the same classes, in another precision than that of the tests.
  private static let reference = Architecture.plain.network(classes: 4, seed: 8)

  private static func outcome(_ step: MetaStep, _ parameters: [Tensor]) throws -> MetaStep.Outcome {
    var random = RandomSource(seed: 0, purpose: "test")
    return try step(
      network.with(parameters: parameters), images, labels: labels, objects: objects, workers: 2, random: &random)
  }

  private static func difference(_ a: [Tensor], _ b: [Tensor]) -> Double {
    func length(_ x: [Tensor]) -> Double { x.reduce(0) { $0 + $1.squared.sum().item }.squareRoot() }
    return length(zip(a, b).map { $0 - $1 }) / length(b)
  }

  private static let mosaics = Mosaics(jitter: 0.3, repeats: 2)

  private static let objectives: [any OuterObjective] = [
    CellShare(mosaics: mosaics), CellShare(at: [.virtual], mosaics: mosaics),
    Competition(at: [.plain, .virtual], mosaics: Mosaics(grid: 3, scale: 0.5, repeats: 4)),
    Competition(mosaics: mosaics),
    Competition(at: [.virtual, .plain], images: .objects), CellShare(images: .objects),
    EnergyInside(), EnergyInside(at: [.virtual], scope: .label), RightReasons(),
    RightReasons(at: [.virtual], scope: .all),
    CompositeConsistency(), CompositeConsistency(at: [.virtual], scale: 0.5),
    ContrastiveConsistency(), ContrastiveConsistency(at: [.virtual], explain: .label, temperature: 0.2),
    GuidedAlignment(fixesTarget: false), GuidedAlignment(at: [.plain, .virtual], fixesTarget: false),
    MaskedDivergence(), MapShift(), Spread(), Spread(isVirtual: true), Upended(),
    Distillation(), Distillation(temperature: 1, loss: .sigmoid), Drift(),
    ClassSensitivity(at: [.plain, .virtual], against: .all, similarity: .spearman, classes: 3),
    WeightAgreement(target: .none), TotalVariation(at: [.plain, .virtual]), Sparsity(at: [.plain, .virtual]),
    AttentionSeparation(at: [.plain, .virtual]),
  ]

  @Test(
    "the outer gradient of every kind of objective agrees with central differences, in both scopes",
    arguments: objectives.indices, [(InnerUpdate.Scope.image, 1), (.image, 2), (.batch, 1), (.batch, 2)])
  func differences(_ index: Int, _ inner: (scope: InnerUpdate.Scope, steps: Int)) throws {
    let update = InnerUpdate(rate: 0.02, steps: inner.steps, scope: inner.scope)
    let step = Self.step([(Self.objectives[index], 1.3), (CrossEntropy(), 0.2)], update)
    let parameters = Self.network.parameters
    let gradient = try Self.outcome(step, parameters).gradients
    let length = gradient.reduce(0) { $0 + $1.squared.sum().item }.squareRoot()
    // The direction is mostly that of the gradient, where nothing cancels, with a small random part in every parameter.
    var random = RandomSource(seed: 9, purpose: "direction")
    let direction = gradient.map { $0 * (1 / length) + .normal($0.shape, std: 0.005, .float64, using: &random) }
    let found = zip(gradient, direction).reduce(0) { $0 + ($1.0 * $1.1).sum().item }
    // A large step may cross a kink, and a small one is dominated by rounding errors.
    var errors: [Double] = []
    for h in [1e-6, 1e-7, 1e-5, 1e-8] where errors.allSatisfy({ $0 >= 1e-6 }) {
      let differences = try [h, 2 * h].map { h in
        let values = try [h, -h].map { h in
          try Self.outcome(step, zip(parameters, direction).map { $0 + $1 * h }).total
        }
        return values[0] - values[1]
      }
      errors.append(abs((8 * differences[0] - differences[1]) / (12 * h) - found) / abs(found))
    }
    #expect(try #require(errors.min()) < 1e-6, "\(found), relative errors \(errors)")
  }

  @Test("a batch's value is the mean of the images' values, and every image has one", arguments: objectives.indices)
  func values(_ index: Int) throws {
    let step = Self.step([(Self.objectives[index], 2)], InnerUpdate(rate: 0.02))
    let outcome = try Self.outcome(step, Self.network.parameters)
    let values = try #require(outcome.valuesByImage[0])
    let count = Self.objectives[index].needs(step.maps(of: step.objectives[0])).composition?.count(of: 5) ?? 5
    #expect(values.count == count && values.allSatisfy { $0 != 0 && $0.isFinite })
    #expect(abs(values.reduce(0, +) / Double(count) - (try #require(outcome.values[0]))) < 1e-12)
    #expect(abs(outcome.total - 2 * (try #require(outcome.values[0]))) < 1e-12)
  }

  @Test("a pass that several objectives request is made once", arguments: InnerUpdate.Scope.allCases)
  func sharedPasses(_ scope: InnerUpdate.Scope) throws {
    let update = InnerUpdate(rate: 0.02, scope: scope)
    func gradients(_ objectives: [(any OuterObjective, Double)]) throws -> [Tensor] {
      try Self.outcome(Self.step(objectives, update), Self.network.parameters).gradients
    }
    let once = try gradients([(ClassSensitivity(at: [.virtual]), 2)])
    let twice = try gradients([(ClassSensitivity(at: [.virtual]), 0.5), (ClassSensitivity(at: [.virtual]), 1.5)])
    #expect(Self.difference(twice, once) < 1e-9)

    func plan(_ classes: [[Int]]) -> PassPlan {
      let terms = classes.map { classes in
        ObjectiveTerm([PassRequest(.virtual(towards: classes), layers: ["a\(classes[0])"])]) { $0[0].output.logits }
      }
      return PassPlan([(terms, false)], images: .zeros([1, 2, 2, 3]), layers: [])
    }
    // The second update equals the first in only one part of the batch, the third equals it in both.
    let slots = UpdateSlots([plan([[0], [0], [0]]), plan([[1], [2], [1]])])
    #expect(slots.slots == [0, 1, 0] && slots.first == [0, 1])
    let own = Tensor.ones([1, 2, 2, 3])
    let terms = [PassRequest(images: own, layers: ["x"]), PassRequest(images: own * 1, layers: ["y"])].map { request in
      ObjectiveTerm([request]) { $0[0].output.logits }
    }
    let sets = PassPlan([([terms[0]], false), ([terms[1]], false)], images: .zeros([1, 2, 2, 3]), layers: nil).sets
    #expect(sets.map(\.layers) == [nil, ["x", "y"]])
  }

  @Test(
    "terms that explain the same classes share backward passes, and have the gradients of terms apart",
    arguments: [MapWeights.plain, .virtual])
  func sharedBackwardPasses(_ weights: MapWeights) throws {
    let update = InnerUpdate(rate: 0.02)
    let terms: [(method: String, layers: [String])] = [
      ("normgrad", ["features.5"]), ("scaling/norm", ["features.8"]), ("grad_cam", ["features.8", "features.5"]),
      ("guided/bias/norm", ["features.2"]), ("finer/linear_approximation", ["features.5"]),
    ]
    func gradients(_ terms: [(method: String, layers: [String])]) throws -> [Tensor] {
      var step = Self.step(terms.map { _ in (TotalVariation(at: [weights]), 1) }, update)
      for (index, term) in terms.enumerated() {
        step.objectives[index].method = Method(term.method)
        step.objectives[index].layers = term.layers
      }
      return try Self.outcome(step, Self.network.parameters).gradients
    }
    let apart = try terms.map { try gradients([$0]) }
    let sum = apart.dropFirst().reduce(apart[0]) { zip($0, $1).map { $0 + $1 } }
    #expect(Self.difference(try gradients(terms), sum) < 1e-9)
  }

  @Test(
    "the outer gradient of frozen parameters is 0 and that of others stays the same, in exact order too",
    arguments: InnerUpdate.Scope.allCases)
  func frozen(_ scope: InnerUpdate.Scope) throws {
    let objectives: [(any OuterObjective, Double)] = [
      (CrossEntropy(), 1), (ClassSensitivity(at: [.plain, .virtual]), 2), (MapShift(), 1), (WeightAgreement(), 1),
    ]
    var step = Self.step(objectives, InnerUpdate(rate: 0.02, steps: 2, scope: scope))
    let all = try Self.outcome(step, Self.network.parameters)
    let names = Self.network.parameterNames
    step.frozen = Set(names.prefix(names.count / 2))
    let some = try Self.outcome(step, Self.network.parameters)
    #expect(some.values == all.values)
    for (index, name) in names.enumerated() {
      let expected = step.frozen.contains(name) ? all.gradients[index] * 0 : all.gradients[index]
      #expect(some.gradients[index].doubles == expected.doubles.map { $0 + 0 }, "\(name)")
    }
  }

  @Test("objectives on equal mosaics share them, and those on the batch's images keep their values beside them")
  func compositions() throws {
    func values(_ objectives: [(any OuterObjective, Double)]) throws -> [Double?] {
      try Self.outcome(Self.step(objectives, InnerUpdate(rate: 0.02)), Self.network.parameters).values
    }
    let (share, competition) = (CellShare(mosaics: Self.mosaics), Competition(mosaics: Self.mosaics))
    let together = try values([(share, 1), (CrossEntropy(), 1), (competition, 1), (ClassSensitivity(), 1)])
    let objectives: [any OuterObjective] = [share, CrossEntropy(), competition, ClassSensitivity()]
    let apart = try objectives.map { try values([($0, 1)])[0] }
    for (a, b) in zip(together, apart) { #expect(abs(try #require(a) - (try #require(b))) < 1e-12) }
  }

  @Test("a term has a method, layers and a weight over time of its own")
  func terms() throws {
    var step = Self.step([(ClassSensitivity(at: [.plain]), 2)], nil)
    step.objectives[0].method = .gradCAM
    step.objectives[0].layers = ["features.8"]
    let own = try #require(try Self.outcome(step, Self.network.parameters).values[0])
    var plain = Self.step([(ClassSensitivity(at: [.plain]), 2)], nil)
    (plain.method, plain.layers) = (.gradCAM, ["features.8"])
    #expect(own == (try Self.outcome(plain, Self.network.parameters).values[0]))
    #expect(
      own
        != (try Self.outcome(Self.step([(ClassSensitivity(at: [.plain]), 2)], nil), Self.network.parameters).values[0]))
    step.objectives[0].schedule = CosineSchedule()
    #expect([0, 5, 10].map { step.at(step: $0, of: 10).objectives[0].weight } == [2, 1, 0])
  }

  @Test("agreement with a held virtual map has the part of the gradient that comes from the plain map")
  func target() throws {
    let update = InnerUpdate(rate: 0.02)
    let parts = try [WeightAgreement(target: .none), WeightAgreement(), HeldPlain()].map {
      (objective: any OuterObjective) in
      try Self.outcome(Self.step([(objective, 1)], update), Self.network.parameters).gradients
    }
    #expect(Self.difference(zip(parts[1], parts[2]).map { $0 + $1 }, parts[0]) < 1e-9)
  }

  @Test("the starting network is used only by objectives that compare with it, at running statistics")
  func reference() throws {
    // A pass in another precision would trap, so that the reference is not even touched.
    var step = Self.step([(CrossEntropy(), 1), (Distillation(), 0)], nil)
    let with = try Self.outcome(step, Self.network.parameters)
    step.reference = nil
    let without = try Self.outcome(step, Self.network.parameters)
    #expect(zip(with.gradients, without.gradients).allSatisfy { $0.doubles == $1.doubles })
    // A network does not differ from itself; the gradient is 0.
    var same = Self.step([(Distillation(), 1), (Distillation(loss: .sigmoid), 1), (Drift(), 1)], nil)
    same.reference = Self.network
    let outcome = try Self.outcome(same, Self.network.parameters)
    #expect(abs(outcome.total) < 1e-14)
    #expect(outcome.gradients.allSatisfy { $0.abs.sum().item < 1e-10 })
    // A reference of another precision is converted, and everything else of the step stays, annotated objects too.
    var mixed = Self.step([(Distillation(), 1), (EnergyInside(at: [.plain]), 1)], nil)
    mixed.reference = Self.network
    let energy = try Self.outcome(mixed, Self.network.parameters).values[1]
    mixed.reference = Self.network.converted(to: .float32)
    let again = try Self.outcome(mixed, Self.network.parameters).values[1]
    #expect(try #require(energy) > 0 && again == energy)
    // Only activations that an objective asks for take memory.
    func footprint(_ objective: any OuterObjective, _ inner: InnerUpdate? = nil) -> Double {
      Self.step([(objective, 1)], inner).footprint(
        of: [8, 12, 12, 3], parameterBytes: 1000, workers: 1, classes: 4
      ).activations
    }
    #expect(footprint(Distillation()) == footprint(CrossEntropy()))
    #expect(footprint(Drift()) > footprint(TotalVariation()))
    // Each class that is compared takes memory, as far as the network has so many.
    func pairs(_ classes: Int, _ inner: InnerUpdate?) -> Double {
      footprint(ClassSensitivity(at: inner == nil ? [.plain] : [.virtual], against: .all, classes: classes), inner)
    }
    for inner in [nil, InnerUpdate(rate: 0.1), InnerUpdate(rate: 0.1, scope: .batch)] {
      #expect(pairs(2, inner) < pairs(4, inner) && pairs(4, inner) == pairs(100, inner))
      #expect(inner == nil || pairs(4, inner) == 2 * pairs(2, inner))
    }
  }

  @Test("masked divergence is 0 if no pixel is removed, and larger if more pixels are removed")
  func divergence() throws {
    func value(_ removed: Double) throws -> Double {
      let step = Self.step([(MaskedDivergence(removed: removed), 1)], nil)
      return try #require(try Self.outcome(step, Self.network.parameters).values[0])
    }
    #expect(abs(try value(0)) < 1e-12)
    #expect(try value(0.2) > 0 && value(1) > value(0.2))
  }
}
