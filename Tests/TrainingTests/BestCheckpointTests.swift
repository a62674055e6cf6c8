import Components
import Foundation
import Formats
import Learning
import Networks
import Recipes
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Training

/// The score that selects the best checkpoint: the recipe's outer loss on the validation images.
@Suite("The best checkpoint") struct BestCheckpointTests {
  private let folder = ScratchFolder()

  private func setup(_ overrides: [String] = []) throws -> Setup {
    let path = try folder.write(
      "r.yaml",
      """
      model:
        architecture: plain
        weights: \(fixture("../../../checkpoints/plain-scenes.safetensors"))
      data:
        train: { scenes: { count: 20 } }
        validation: { scenes: { count: 6, seed: 1 } }
        batch: 4
      inner: { rate: 0.02 }
      saliency: { method: normgrad, layers: [features.5, features.8] }
      outer:
        - { objective: cross_entropy, weight: 0 }
        - { objective: class_sensitivity, weight: 1, at: [plain, virtual], explain: label, against: second }
      optimizer: { name: adam, rate: 0.003 }
      evaluation: { images: 6, methods: [grad_cam], measures: [accuracy], figures: 0 }
      run: { steps: 2, output: unused }
      """)
    return try Setup(try Recipe.load(path, overrides: overrides))
  }

  private func score(_ setup: Setup, _ network: Network? = nil) throws -> Double {
    setup.score(try setup.evaluate(network ?? setup.network, title: "measuring"))
  }

  /// The expected value of the objective, computed independently for one image at a time.
  private func expected(_ setup: Setup, against: ClassSensitivity.Contrast, update: InnerUpdate) throws -> Double {
    let network = setup.network.converted(to: .float64)
    var values: [Double] = []
    for index in 0..<6 {
      let batch = try setup.validation.batch([index])
      let image = batch.images.converted(to: .float64)
      let classes = ClassSensitivity(against: against)
        .classes(logits: network(image).logits, labels: batch.labels, draws: [0])
      for isVirtual in [false, true] {
        let maps = [classes.explained, classes.contrast].map { class_ in
          let tracked = network.with(parameters: network.parameters.map { $0.tracked() })
          let moved = isVirtual ? update.applied(to: tracked, image, tracked(image), towards: class_) : network
          return Inference(moved, image, capturing: setup.step.layers).maps(
            .normGrad, of: class_, at: setup.step.layers
          )
          .map { ImageMap($0, width: 32, height: 32) }
        }
        values += zip(maps[0], maps[1]).map { $0.rankCorrelation(with: $1).number ?? 1 }
      }
    }
    return values.reduce(0, +) / Double(values.count)
  }

  @Test(
    "the score uses the objective's own classes, update, weights and layers, whatever the tables contain",
    arguments: [
      [], ["evaluation.measures=[class_sensitivity]", "evaluation.virtual_rate=0.1"], ["evaluation.methods=[normgrad]"],
    ])
  func ownSettings(_ overrides: [String]) throws {
    let update = InnerUpdate(rate: 0.02)
    let found = try score(try setup(overrides))
    #expect(abs(found - (try expected(try setup(), against: .second, update: update))) < 1e-9)
    let other = try score(try setup(overrides + ["outer.1.against=bottom"]))
    #expect(abs(other - (try expected(try setup(), against: .bottom, update: update))) < 1e-9)
    #expect(abs(other - found) > 1e-3)
    let moved = InnerUpdate(rate: 0.05, steps: 2, direction: .away, parameters: ["features.*"])
    let inner = ["inner={rate: 0.05, steps: 2, direction: away, parameters: ['features.*']}"]
    let third = try score(try setup(overrides + inner))
    #expect(abs(third - (try expected(try setup(), against: .second, update: moved))) < 1e-9)
  }

  @Test("against all the score is the mean over all pairs of the label and the most likely other classes")
  func allPairs() throws {
    let setup = try setup(["outer.1.against=all", "outer.1.classes=3", "outer.1.at=plain"])
    let network = setup.network.converted(to: .float64)
    var values: [Double] = []
    for index in 0..<6 {
      let batch = try setup.validation.batch([index])
      let start = Inference(network, batch.images.converted(to: .float64), capturing: setup.step.layers)
      let (label, scores) = (batch.labels[0], start.output.logits.doubles)
      let others = scores.indices.filter { $0 != label }.sorted { scores[$0] > scores[$1] }
      let maps = ([label] + others.prefix(2)).map { class_ in
        start.maps(.normGrad, of: [class_], at: setup.step.layers).map { ImageMap($0, width: 32, height: 32) }
      }
      for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        values += zip(maps[a], maps[b]).map { $0.rankCorrelation(with: $1).number ?? 1 }
      }
    }
    #expect(abs(try score(setup) - values.reduce(0, +) / Double(values.count)) < 1e-9)
  }

  @Test("random contrast classes are the same at every evaluation")
  func random() throws {
    let setup = try setup(["outer.1.against=random"])
    #expect(try score(setup) == score(setup))
  }

  @Test(
    "a network with constant maps has the worst score, and one with a score of NaN is never the best",
    arguments: ["second", "all"])
  func collapsed(_ against: String) throws {
    let setup = try setup(["outer.0.weight=1", "outer.1.at=[plain]", "outer.1.against=\(against)"])
    let own = try score(setup)
    let zeros = setup.network.with(parameters: setup.network.parameters.map { .zeros($0.shape) })
    let result = try setup.evaluate(zeros, title: "measuring")
    #expect(abs(setup.score(result) - (result.crossEntropy + 1)) < 1e-12)
    #expect(own < setup.score(result))
    let broken = setup.network.with(parameters: setup.network.parameters.map { $0 * .nan })
    let measured = try setup.evaluate(broken, title: "measuring")
    #expect(setup.score(measured) == .infinity && measured.accuracy == 0 && measured.notFinite == 6)
    let json = try #require(
      try JSONSerialization.jsonObject(with: try setup.evaluation.json(measured)) as? [String: Any])
    #expect(
      json["cross_entropy"] is NSNull && json["outer_loss"] is NSNull
        && json["images_with_logits_not_finite"] as? Int == 6)
    #expect(setup.evaluation.report([("measured", measured)]).contains("6 of 6 images"))
  }

  @Test("maps that are not finite have no value in any measure, and tables, JSON and CSV give the reason")
  func notFinite() throws {
    let measures = MeasureTests.ownMeasures.map(\.name).joined(separator: ", ")
    let setup = try setup(["evaluation.measures=[\(measures)]", "evaluation.virtual_rate=0.02"])
    let broken = setup.network.with(parameters: setup.network.parameters.map { $0 * .nan })
    let result = try setup.evaluate(broken, title: "measuring")
    for measure in MeasureTests.ownMeasures.map(\.name) where measure != "grid_pointing" {
      for setting in setup.evaluation.settings {
        let score = try #require(result.scores[measure]?[setting])
        #expect(score.undefined == 6 && score.mean == nil, "\(measure)")
        let reasons = Set(score.reasons.keys)
        #expect(reasons.isSubset(of: ["map not finite", "value not finite"]), "\(measure): \(reasons)")
      }
    }
    let report = setup.evaluation.report([("measured", result)])
    #expect(report.contains("map not finite (48)"))
    #expect(setup.evaluation.csv(result).contains("map not finite (6)"))
    let json = try #require(try JSONSerialization.jsonObject(with: try setup.evaluation.json(result)) as? [String: Any])
    let first = try #require((json["class_sensitivity"] as? [[String: Any]])?.first)
    #expect((first["reasons"] as? [String: Int]) == ["map not finite": 6] && first["mean"] == nil)
  }

  @Test("a ranking keeps so many networks, the lowest scores first, and a collapsed one only until there is another")
  func ranking() throws {
    var ranking = Ranking()
    func add(_ step: Int, _ score: Double, isCollapsed: Bool = false) -> (place: Int, dropped: [Int])? {
      ranking.add(.init(step: step, score: score), keeping: 2, isCollapsed: isCollapsed).map {
        ($0.place, $0.dropped.map(\.step))
      }
    }
    #expect(try #require(add(0, 0.1, isCollapsed: true)) == (0, []))
    #expect(try #require(add(1, 5)) == (0, []))
    #expect(add(2, 0.1, isCollapsed: true) == nil)
    #expect(try #require(add(3, 4)) == (0, [0]))
    #expect(try #require(add(4, 4)) == (1, [1]))
    #expect(add(5, 4) == nil)
    #expect(ranking.entries.map(\.step) == [3, 4] && ranking.best == 4)
  }
}
