import Components
import Datasets
import Foundation
import Formats
import Learning
import Networks
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Saliency
@testable import Training

/// Measures against other implementations (see Fixtures/make_measures.py), and properties that follow from their
/// definitions.
@Suite("Measures") struct MeasureTests {
  /// metasal's built-in measures; other tests register more.
  static var ownMeasures: [any Measure] {
    Registries.measures.all.filter { String(reflecting: type(of: $0)).hasPrefix("Saliency.") }
  }

  private struct Numbers: Decodable {
    let label: Int
    let rank_correlation: [Double]
    let rank_correlation_ties: Double
    let energy, pointing, sparseness, deletion, insertion, infidelity: [Double]
  }

  private let numbers: Numbers
  private let tensors: NamedTensors
  private let network: Network
  /// [1, 16, 16, 3]
  private let image: Tensor
  private let maps: [ImageMap]
  private let box = Region(width: 16, height: 16, boxes: [(5..<12, 3..<9)])

  init() throws {
    numbers = try JSONDecoder().decode(
      Numbers.self, from: try Data(contentsOf: URL(fileURLWithPath: fixture("measures.json"))))
    tensors = try Safetensors.read(fixture("measures.safetensors"))
    let weights = try Safetensors.read(fixture("../../../checkpoints/plain-scenes.safetensors"))
    let count = try #require(weights["classifier.weight"]).shape[0]
    network = try Architecture.plain.network(classes: count, seed: nil)
      .loading(weights.entries.map { ($0.name, $0.value) }).converted(to: .float64)
    image = try #require(try Safetensors.read(fixture("methods.safetensors"))["images"])
      .sliced(axis: 0, from: 0, length: 1).converted(to: .float64)
    let all = try #require(tensors["maps"])
    maps = (0..<3).map { ImageMap(all.sliced(axis: 0, from: $0, length: 1), width: 16, height: 16) }
  }

  private func probability(_ images: Tensor) -> [Double] {
    network(images).logits.softmax().takenAlongLastAxis(Array(repeating: numbers.label, count: images.shape[0])).doubles
  }

  private func logit(_ images: Tensor) -> [Double] {
    network(images).logits.takenAlongLastAxis(Array(repeating: numbers.label, count: images.shape[0])).doubles
  }

  private func expect(_ found: Score.Value, _ expected: Double, within tolerance: Double = 1e-9) {
    #expect(abs((found.number ?? .nan) - expected) < tolerance, "\(found) against \(expected)")
  }

  @Test("rank correlations agree with scipy, with and without ties")
  func rankCorrelations() {
    expect(maps[0].rankCorrelation(with: maps[1]), numbers.rank_correlation[0])
    expect(maps[0].rankCorrelation(with: maps[2]), numbers.rank_correlation[1])
    expect(maps[1].rankCorrelation(with: maps[2]), numbers.rank_correlation[2])
    let rounded = maps.prefix(2).map { map in
      ImageMap(
        Tensor(map.values.map { ($0 * 10).rounded(.toNearestOrEven) / 10 }, shape: [16, 16]), width: 16, height: 16)
    }
    expect(rounded[0].rankCorrelation(with: rounded[1]), numbers.rank_correlation_ties)
  }

  @Test("energy, pointing without tolerance and sparseness agree with Quantus")
  func quantus() {
    for (index, map) in maps.enumerated() {
      expect(map.energy(in: box), numbers.energy[index], within: 1e-6)
      expect(map.pointing(at: box, tolerance: 0), numbers.pointing[index])
      // Quantus adds 1e-7 to every value.
      expect(map.sparseness, numbers.sparseness[index], within: 1e-6)
    }
    #expect(Set(numbers.pointing) == [0, 1])
  }

  @Test("insertion and deletion agree with a second implementation")
  func deletion() {
    for (index, map) in maps.enumerated() {
      expect(Deletion().value(of: map, image, score: probability), numbers.deletion[index], within: 1e-7)
      expect(Insertion().value(of: map, image, score: probability), numbers.insertion[index], within: 1e-7)
    }
  }

  @Test("ROAD's imputation agrees with pytorch-grad-cam")
  func imputation() throws {
    let removed = Set(maps[0].order.prefix(100))
    let found = Road(noise: 0).imputed(image, removed)
    #expect(relativeError(found, try #require(tensors["imputed"])) < 1e-6)
    // Negating a map reverses the order of importance, and so changes the sign of ROAD.
    let reversed = ImageMap(Tensor(maps[0].values.map { -$0 }, shape: [16, 16]), width: 16, height: 16)
    let road = Road(noise: 0)
    let forward = try #require(road.value(of: maps[0], image, score: probability).number)
    expect(road.value(of: reversed, image, score: probability), -forward)
  }

  @Test("infidelity is Captum's normalized infidelity divided by the mean square of the logit's changes")
  func infidelity() throws {
    let noise = try #require(tensors["noise"])
    let noises = (0..<noise.shape[0]).map { noise.sliced(axis: 0, from: $0, length: 1) }
    for (index, map) in maps.enumerated() {
      expect(Infidelity.value(of: map, image, noises, score: logit), numbers.infidelity[index], within: 1e-4)
    }
  }

  @Test("the weights of a linear model have infidelity 0, and the sum of an image is as sensitive as the image")
  func robustness() {
    let weights = maps[1]
    func linear(_ images: Tensor) -> [Double] {
      (0..<images.shape[0]).map { index in
        let one = images.sliced(axis: 0, from: index, length: 1).sum([3]).doubles
        return zip(one, weights.values).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    expect(Infidelity().value(of: weights, image, score: linear), 0, within: 1e-18)
    let map = image.sum([3])
    let value = MaxSensitivity(samples: 5, radius: 0.1).value(of: map, image) { $0.sum([3]) }.number ?? 0
    // Each pixel has three uniform numbers with std 0.1/√3; the result is relative to the norm of the image.
    let expected = 0.1 * 16 / map.squared.sum().item.squareRoot()
    #expect(value > 0.8 * expected && value < 1.2 * expected)
    expect(MaxSensitivity().value(of: map, image) { _ in map }, 0)
  }

  @Test("maps without content are undefined, with the reason, and never counted as zeros")
  func undefined() {
    let flat = ImageMap(.ones([4, 4], .float64), width: 16, height: 16)
    let negative = ImageMap(Tensor(maps[0].values.map { -abs($0) - 1 }, shape: [16, 16]), width: 16, height: 16)
    let nothing = Region(width: 16, height: 16, boxes: [])
    let values: [Score.Value] = [
      flat.pointing(at: box), flat.energy(in: box), negative.energy(in: box), maps[0].pointing(at: nothing),
      ImageMap(.zeros([4, 4]), width: 16, height: 16).sparseness, flat.rankCorrelation(with: maps[0]),
      Deletion().value(of: flat, image, score: probability), Road().value(of: flat, image, score: probability),
      Infidelity().value(of: flat, image, score: logit),
    ]
    let score = Score(values + [.defined(0.25), .defined(0.75)])
    #expect(score.undefined == values.count && score.values.count == values.count + 2)
    #expect(score.mean == 0.5 && score.std == 0.25)
    #expect(
      score.reasons == ["constant map": 6, "no positive saliency": 1, "no region": 1, "no saliency": 1])
    #expect(Score().mean == nil && Score([.undefined("x")]).interval == nil)
  }

  @Test("a bootstrap interval contains the mean, and has the width of the normal approximation")
  func bootstrap() throws {
    var random = RandomSource(seed: 1, purpose: "bootstrap")
    let score = Score((0..<400).map { _ in .defined(random.normal()) })
    let (interval, mean) = (try #require(score.interval), try #require(score.mean))
    #expect(interval.contains(mean))
    let expected = 2 * 1.96 * (try #require(score.std)) / 20
    #expect(abs((interval.upperBound - interval.lowerBound) / expected - 1) < 0.15)
    #expect(score.interval == interval)
  }

  @Test("the pointing game accepts a miss within a circle of the tolerance")
  func tolerance() {
    var values = [Double](repeating: 0, count: 40 * 40)
    values[10 * 40 + 10] = 1
    let map = ImageMap(Tensor(values, shape: [40, 40]), width: 40, height: 40)
    func hit(_ x: Int, _ y: Int) -> Double? {
      map.pointing(at: Region(width: 40, height: 40, boxes: [(x..<(x + 2), y..<(y + 2))])).number
    }
    #expect(hit(25, 10) == 1 && hit(26, 10) == 0)
    // (9, 12) is at distance 15, (11, 11) is farther.
    #expect(hit(19, 22) == 1 && hit(21, 21) == 0)
    expect(ImageMap.pointingOfCentre(at: Region(width: 40, height: 40, boxes: [(30..<40, 30..<40)])), 1)
    expect(ImageMap.pointingOfCentre(at: Region(width: 40, height: 40, boxes: [(35..<40, 35..<40)])), 0)
  }

  @Test("networks are randomized layer by layer from the end, cumulatively only in the cascading variant")
  func randomization() {
    let before = network.parameters.map(\.doubles)
    let names = network.parameterNames
    let cascade = network.randomized(isCascading: true)
    let single = network.randomized(isCascading: false)
    #expect(cascade.map(\.layer) == single.map(\.layer) && cascade.first?.layer == "classifier")
    #expect(cascade.last?.layer == "features.0")
    for (number, step) in single.enumerated() {
      let changed = zip(names, zip(step.network.parameters.map(\.doubles), before)).filter { $1.0 != $1.1 }.map(\.0)
      #expect(!changed.isEmpty && changed.allSatisfy { $0.hasPrefix(step.layer + ".") }, "\(step.layer)")
      let touched = zip(cascade[number].network.parameters, before).filter { $0.doubles != $1 }.count
      #expect(touched >= number + 1)
    }
  }

  /// Every measure that a recipe can name; curves have four steps.
  private static var allWithFourSteps: [any Measure] {
    ownMeasures.map { measure in
      measure is Deletion ? Deletion(steps: 4) : measure is Insertion ? Insertion(steps: 4) : measure
    }
  }

  @Test("an evaluation computes all measures on scenes with masks, the same with any number of workers")
  func everything() throws {
    let source = BatchSource(
      Scenes(count: 40, seed: 3), size: 8,
      normalization: Normalization(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]))
    let network = network.converted(to: .float32)
    let evaluation = Evaluation(
      measures: Self.allWithFourSteps, methods: [.normGrad, .gradCAM], layers: ["features.8"], virtualRate: 0.01)
    var (one, two) = (Evaluation.Result(), Evaluation.Result())
    let batch = try source.batch([0, 1, 2, 3])
    try evaluation.measure(network, batch, workers: 1, into: &one)
    try evaluation.measure(network, batch, workers: 2, into: &two)
    let single = evaluation.measures.filter { !($0 is any CompositeMeasure) }
    for measure in single.map(\.resultName) {
      for setting in evaluation.settings {
        let score = try #require(one.scores[measure]?[setting], "\(measure) \(setting)")
        #expect(score.values.count == 4)
        #expect(score == two.scores[measure]?[setting], "\(measure) \(setting)")
        #expect(score.values.allSatisfy { $0.number?.isFinite ?? true })
      }
    }
    let text = evaluation.report([("measured", one)])
    for measure in evaluation.measures { #expect(text.contains(measure.fullExplanation.folded(to: 90))) }
    let json = try #require(try JSONSerialization.jsonObject(with: try evaluation.json(one)) as? [String: Any])
    #expect((json["pointing_game"] as? [[String: Any]])?.count == 4)
    let lines = evaluation.csv(one).split(separator: "\n")
    #expect(lines.count == 1 + single.count * 4)
    #expect(lines.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 11 })
  }

  @Test("grids contain confident images of different classes, and each map is measured on its own cell")
  func grids() throws {
    let source = BatchSource(
      Scenes(count: 120, seed: 3), size: 8,
      normalization: Normalization(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]))
    let network = network.converted(to: .float32)
    let evaluation = Evaluation(
      measures: [GridPointing()], methods: [.gradCAM], layers: ["features.14"], virtualRate: nil)
    var result = Evaluation.Result()
    try evaluation.measure(network, try source.batch(Array(0..<60)), workers: 2, into: &result)
    let grids = GridPointing().groups(of: result.items)
    #expect(grids.count >= 3)
    #expect(grids.allSatisfy { Set($0.map { result.items[$0].label }).count == 4 })
    #expect(Set(grids.flatMap(\.self)).count == 4 * grids.count)
    #expect(grids.joined().allSatisfy { result.items[$0].confidence >= 0.5 })
    let values = try evaluation.values(
      GridPointing(), on: Array(grids.prefix(4)), of: result.items, evaluation.prepared(network), workers: 2,
      image: { try source.batch([$0]).images })
    // Random maps would reach one quarter.
    #expect(try #require(Score(values.flatMap { $0.values[0] }).mean) > 0.4)
  }

  @Test("a linear probe learns linearly separable classes, and nothing from noise")
  func probe() {
    var random = RandomSource(seed: 1, purpose: "probe")
    let labels = (0..<200).map { $0 % 2 }
    let noise = Tensor.normal([200, 5], using: &random)
    let signal = Tensor(labels.map { Float($0) * 4 }, shape: [200, 1]) + noise
    #expect(LinearProbe(signal, labels: labels, classes: 2).accuracy(signal, labels: labels) > 0.97)
    let fresh = Tensor.normal([200, 5], using: &random)
    let chance = LinearProbe(noise, labels: labels, classes: 2).accuracy(fresh, labels: labels)
    #expect(chance > 0.35 && chance < 0.65)
  }

  @Test("combined maps have the requested weights, and layers with constant maps are left out and named")
  func combination() {
    let a = Tensor([0, 1, 2, 4].map { Float($0) }, shape: [1, 2, 2])
    let b = Tensor([3, 1, 1, 1].map { Float($0) }, shape: [1, 2, 2])
    let flat = Tensor.ones([1, 1, 1])
    let (sum, skipped) = Combination(.weightedSum, weights: [1, 5, 3])([a, flat, b], height: 2, width: 2)
    #expect(skipped == [[1]])
    #expect(relativeError(sum, Tensor([0.75, 0.0625, 0.125, 0.25].map { Float($0) }, shape: [1, 2, 2])) < 1e-6)
    let (product, _) = Combination(.product, weights: [1, 1])([a, b], height: 2, width: 2)
    #expect(product.floats == [0, 0, 0, 0])
    let (mean, _) = Combination(.weightedProduct, weights: [1, 1])([a, a], height: 2, width: 2)
    #expect(relativeError(mean, a / 4) < 1e-6)
    #expect(Combination.linear(4) == [0.25, 0.5, 0.75, 1])
  }
}
