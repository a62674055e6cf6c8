import Components
import Foundation
import Networks
import Saliency
import TestSupport
import Tensors
import Testing

@testable import Learning

/// Objectives that look at annotated objects or at other images of a batch: values of maps made by hand, and values and gradients by
/// PyTorch, which Fixtures/make_objectives.py makes of the same weights and images.
@Suite("Objectives on objects") struct ObjectTests {
  private static let classes = 4
  private static let layers = ["features.5", "features.8"]

  /// The plain network with weights by the fixture's formula.
  private static var network: Network {
    get throws {
      let empty = Architecture.plain.network(classes: classes, seed: nil).converted(to: .float64)
      return try empty.loading(
        empty.stateDictionary.enumerated().map { j, entry in
          let shape = entry.value.shape
          let scale = 2 / Double(shape.dropFirst().reduce(1, *)).squareRoot()
          let values = (0..<entry.value.count).map { k -> Double in
            let s = sin(12.9898 * Double(k + 1) + 78.233 * Double(j + 1))
            if shape.count >= 2 { return s * scale }
            if entry.name.hasSuffix("running_var") { return 1 + 0.1 * s }
            return entry.name.hasSuffix(".weight") ? 0.8 + 0.3 * s : 0.1 * s
          }
          return (entry.name, Tensor(values, shape: shape))
        })
    }
  }

  private static func batch(_ objects: [[MetaStep.Batch.Object]]? = nil) -> MetaStep.Batch {
    let side = 16
    let values = (0..<(2 * side * side * 3)).map { index -> Double in
      let (c, j, i, n) = (index % 3, index / 3 % side, index / 3 / side % side, index / 3 / side / side)
      return sin(0.7 * Double(i) + 0.9 * Double(j) + Double(c + n)) + 0.5 * cos(0.35 * Double(i * j))
    }
    return MetaStep.Batch(
      images: Tensor(values, shape: [2, side, side, 3]), labels: [1, 3],
      targets: .softTargets(of: [[(1, 1)], [(3, 1)]], classes: classes, .float64), draws: [1, 2],
      objects: objects ?? [
        [object(1, 2..<9, 3..<12), object(0, 10..<15, 8..<15)], [object(3, 5..<16, 0..<6)],
      ])
  }

  private static func object(
    _ label: Int, _ columns: Range<Int>, _ rows: Range<Int>, side: Int = 16
  ) -> MetaStep.Batch.Object {
    .init(label: label, region: Region(width: side, height: side, boxes: [(columns, rows)]))
  }

  /// What an objective sees of a batch, and the value of its terms at the network's own weights, [N].
  private static func value(
    _ objective: some OuterObjective, _ network: Network, _ batch: MetaStep.Batch
  ) -> Tensor {
    let maps = MapSettings(.gradCAM, at: layers)
    let needs = objective.needs(maps)
    let batch = needs.composition.map { $0(batch) } ?? batch
    let plain = Inference(network, batch.images, capturing: needs.layers)
    let terms = objective.terms(
      for: ObjectiveImages(
        images: batch.images, labels: batch.labels, targets: batch.targets, draws: batch.draws, plain: plain,
        maps: maps, batch: batch, range: 0..<batch.labels.count))
    return terms.map { term in
      term.value(term.passes.map { $0.images.map { Inference(network, $0, capturing: layers) } ?? plain })
    }.sum
  }

  private static let references: [String: [Double]] = {
    let data = try? Data(contentsOf: URL(fileURLWithPath: fixture("objectives.json")))
    return (data.flatMap { try? JSONDecoder().decode([String: [Double]].self, from: $0) }) ?? [:]
  }()

  @Test(
    "values and outer gradients agree with PyTorch's",
    arguments: [
      EnergyInside(), EnergyInside(scope: .label), RightReasons(), RightReasons(scope: .all), CompositeConsistency(),
      GuidedAlignment(),
    ] as [any OuterObjective])
  func fixtures(_ objective: any OuterObjective) throws {
    let scope = (objective as? EnergyInside)?.scope ?? (objective as? RightReasons)?.scope
    let name = ([objective.name] + [scope?.rawValue].compactMap(\.self)).joined(separator: "/")
    let expected = try #require(Self.references[name])
    var network = try Self.network
    network = network.with(parameters: network.parameters.map { $0.tracked() })
    let value = Self.value(objective, network, Self.batch())
    let gradient = gradients(of: value.sum(), withRespectTo: network.parameters)
    for (found, expected) in zip(value.doubles, expected) {
      #expect(abs(found - expected) < 1e-9 * max(1e-3, abs(expected)), "\(found) for \(expected)")
    }
    let norm = gradient.reduce(0) { $0 + $1.squared.sum().item }.squareRoot()
    #expect(abs(norm - expected[2]) < 1e-7 * expected[2], "\(norm) for \(expected[2])")
    // The gradients of single parameters: the norms of the first convolution's and of the classifier's weights.
    let parts = zip(network.parameterNames, gradient).filter {
      ["features.0.weight", "classifier.weight"].contains($0.0)
    }.map { $0.1.squared.sum().item.squareRoot() }
    for (found, expected) in zip(parts, expected[3...]) {
      #expect(abs(found - expected) < 1e-7 * max(1e-3 * norm, expected), "\(found) for \(expected)")
    }
  }

  @Test("images without objects that count have the value 0, no gradient, and nothing that is not finite")
  func withoutObjects() throws {
    let network = try Self.network
    // The first image has no object, the second one of another class than its label.
    let batch = Self.batch([[], [Self.object(0, 2..<7, 3..<9)]])
    let (label, all) = (EnergyInside(scope: .label), EnergyInside())
    #expect(Self.value(label, network, batch).doubles == [0, 0])
    let values = Self.value(all, network, batch).doubles
    #expect(values[0] == 0 && values[1] > 0)
    #expect(Self.value(RightReasons(), network, batch).doubles == [0, 0])
    #expect(Self.value(Competition(images: .objects), network, batch).doubles == [0, 0])
    #expect(Self.value(CellShare(images: .objects), network, batch).doubles == [0, 0])
    var random = RandomSource(seed: 0, purpose: "test")
    for objective in [
      label, RightReasons(), Competition(at: [.plain, .virtual], images: .objects), CellShare(images: .objects),
    ] as [any OuterObjective] {
      let step = MetaStep(
        inner: InnerUpdate(rate: 0.02), method: .normGrad, layers: Self.layers,
        objectives: [WeightedObjective(objective, weight: 1)])
      let outcome = try step(
        network, batch.images, labels: batch.labels, objects: batch.objects, workers: 1, random: &random)
      #expect(step.usesObjects && outcome.values == [0])
      #expect(outcome.gradients.allSatisfy { $0.isFinite && $0.squared.sum().item == 0 }, "\(objective.name)")
    }
  }

  @Test("on objects, the classes of an image compete for the pixels of their objects")
  func competition() throws {
    let half = [Self.object(1, 0..<8, 0..<16), Self.object(0, 8..<16, 0..<16)]
    let batch = Self.batch([half, [half[0]]])
    let images = ObjectiveImages(
      images: batch.images, labels: batch.labels, targets: batch.targets, draws: batch.draws,
      plain: Inference(try Self.network, batch.images, capturing: []), maps: MapSettings(.normGrad, at: []),
      batch: batch, range: 0..<2)
    let objects = ObjectClasses(images, atLeast: 2)
    #expect(objects.classes.map { $0[0] } == [1, 0] && objects.counts == [[true, false], [true, false]])
    let left = Tensor([1.0, 0, 1, 0, 1, 0, 1, 0], shape: [2, 2, 2])
    let right = 1 - left
    #expect(CellShare.value([left, right], objects).doubles == [0, 0])
    #expect(CellShare.value([right, left], objects).doubles == [1, 0])
    let competing = Competition().value([left, right], objects).doubles
    #expect(abs(competing[0] - log(1.02 / 1.01)) < 1e-12 && competing[1] == 0)
    #expect(abs(Competition().value([left, left], objects).doubles[0] - log(2)) < 0.1)
  }

  @Test("a composite holds its image in one cell and other classes in the others; its map placed there has no distance")
  func composites() {
    let labels = [0, 0, 1, 2]
    let images = Tensor.concatenated(
      labels.indices.map { Tensor(repeating: Double($0 + 1), shape: [1, 4, 4, 3], .float64) }, axis: 0)
    let batch = MetaStep.Batch(
      images: images, labels: labels, targets: .softTargets(of: labels.map { [($0, 1)] }, classes: 3, .float64),
      draws: [4, 9, 2, 7])
    let composites = Composites(grid: 2, scale: 1)
    let composed = composites(batch)
    #expect(composed.images.shape == [4, 8, 8, 3] && composed.labels == labels)
    let cells = batch.draws.map { composites.cell($0) }
    #expect(cells == [0, 1, 2, 3])
    #expect(composites.cells(cells, of: composed.images).doubles == images.doubles)
    for image in labels.indices {
      for cell in 0..<4 where cell != cells[image] {
        let shown = composites.cells([Int](repeating: cell, count: 4), of: composed.images)
        let value = Int(shown.sliced(axis: 0, from: image, length: 1).mean().item) - 1
        #expect(labels[value] != labels[image])
      }
    }
    let maps = Tensor((0..<16).map { Double($0) }, shape: [4, 2, 2])
    let placed = composites.placed(maps, in: cells, height: 4, width: 4)
    #expect(placed.sum([1, 2]).doubles == maps.sum([1, 2]).doubles)
    #expect(placed.sliced(axis: 0, from: 3, length: 1).doubles == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 13, 0, 0, 14, 15])
    // Where a map's side is odd, cells differ by a location and maps are resized.
    #expect(composites.placed(maps, in: cells, height: 5, width: 5).shape == [4, 5, 5])
  }

  @Test("contrastive consistency is small for equal maps, log N for equal images, and 0 for an image alone")
  func contrast() {
    let maps = Tensor([1.0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0], shape: [3, 2, 2])
    let same = ContrastiveConsistency.value(maps, maps * 5, temperature: 0.5).doubles
    #expect(same.allSatisfy { abs($0 - log(1 + 2 * exp(-2))) < 1e-12 })
    let flat = Tensor(repeating: 1, shape: [3, 2, 2], .float64)
    #expect(
      ContrastiveConsistency.value(flat, flat, temperature: 0.5).doubles.allSatisfy { abs($0 - log(3)) < 1e-12 })
    #expect(ContrastiveConsistency.value(flat * 0, flat, temperature: 0.5).isFinite)
    let one = maps.sliced(axis: 0, from: 0, length: 1)
    #expect(ContrastiveConsistency.value(one, one, temperature: 0.5).doubles == [0])
  }

  @Test("a view shows its window, resized and flipped, of images and maps alike")
  func views() {
    let image = Tensor((0..<16).map { Double($0) }, shape: [1, 4, 4, 1])
    let whole = View(rows: (0, 1), columns: (0, 1), isFlipped: false)
    #expect(View.of(image, [whole]).doubles == image.doubles)
    let mirrored = View(rows: (0, 1), columns: (0, 1), isFlipped: true)
    #expect(View.of(image, [mirrored]).doubles.prefix(4) == [3, 2, 1, 0])
    // The right lower quarter: rows and columns 1.75, 2.25, 2.75 and 3.
    let corner = View(rows: (0.5, 0.5), columns: (0.5, 0.5), isFlipped: false)
    #expect(View.of(image, [corner]).doubles.prefix(4) == [8.75, 9.25, 9.75, 10])
    let draws = (0..<200).map { View(draw: UInt64($0), smallest: 0.2) }
    for view in draws {
      #expect(view.rows.start >= 0 && view.rows.start + view.rows.length <= 1 + 1e-12)
      #expect(view.columns.start >= 0 && view.columns.start + view.columns.length <= 1 + 1e-12)
    }
    #expect((60...140).contains(draws.count { $0.isFlipped }))
    #expect(draws.contains { $0.rows.length * $0.columns.length < 0.3 })
  }
}
