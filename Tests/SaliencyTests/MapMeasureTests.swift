import Components
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

@testable import Saliency

/// Measures of maps made by hand, and against an independent implementation (Fixtures/make_map_measures.py).
@Suite("Measures of a map's place and of two maps' agreement") struct MapMeasureTests {
  private struct Expected: Decodable { let border, agreement, tied, cells: [Double] }

  private let expected: Expected

  init() throws {
    expected = try JSONDecoder().decode(
      Expected.self, from: try Data(contentsOf: URL(fileURLWithPath: fixture("map_measures.json"))))
  }

  /// The fixture's map number `m`, [1, 5, 7].
  private func made(_ m: Int) -> Tensor {
    let values = (0..<35).map { index -> Double in
      let (i, j, m) = (Double(index / 7), Double(index % 7), Double(m))
      return sin(0.9 * i + 0.4 * j * m + m) + 0.3 * cos(1.7 * i * j + m)
    }
    return Tensor(values, shape: [1, 5, 7])
  }

  private func close(_ found: Score.Value, _ expected: Double) -> Bool {
    abs((found.number ?? .nan) - expected) < 1e-12
  }

  @Test("the border share is that of the outermost locations of the layer, whatever the size of the image")
  func border() {
    var values = [Double](repeating: 1, count: 16)
    values[5] = 9
    // Eleven of twelve ring locations are 1, one is -3; inside there are 9 + 3.
    values[0] = -3
    for side in [4, 8, 32] {
      let map = ImageMap(Tensor(values, shape: [1, 4, 4]), width: side, height: side)
      #expect(close(map.borderShare, 11.0 / 23))
    }
    for m in 0..<4 {
      #expect(close(ImageMap(made(m), width: 28, height: 20).borderShare, expected.border[m]))
    }
    #expect(abs(Region.ring(width: 8, height: 8).share - 28.0 / 64) < 1e-15)
    #expect(Region.ring(width: 5, height: 2).share == 1)
  }

  @Test("maps that are constant, without an interior or not finite have no border share")
  func undefinedBorder() {
    func share(_ values: [Double], _ height: Int, _ width: Int) -> Score.Value {
      ImageMap(Tensor(values, shape: [1, height, width]), width: 12, height: 12).borderShare
    }
    #expect(share([Double](repeating: 2, count: 9), 3, 3) == .undefined("constant map"))
    #expect(share([1, 2, 3, 4], 2, 2) == .undefined("map without an interior"))
    #expect(share((0..<9).map { -1 - Double($0) }, 3, 3) == .undefined("no positive saliency"))
    #expect(share([.nan] + (0..<8).map { Double($0) }, 3, 3) == .undefined("map not finite"))
  }

  @Test("the agreement of the most salient pixels is the size of their intersection, with ties in part")
  func agreement() {
    func map(_ values: [Double]) -> ImageMap { ImageMap(Tensor(values, shape: [1, 2, 4]), width: 4, height: 2) }
    let a = map([8, 7, 6, 5, 4, 3, 2, 1])
    #expect(a.topAgreement(with: map([1, 2, 3, 4, 5, 6, 7, 8]), share: 0.5) == .defined(0))
    #expect(a.topAgreement(with: map([8, 1, 7, 2, 6, 3, 5, 4]), share: 0.5) == .defined(0.5))
    #expect(a.topAgreement(with: a, share: 0.25) == .defined(1))
    // Of the second map one pixel is the largest; the seven zeros share the other place.
    let single = map([0, 0, 0, 0, 0, 0, 0, 1])
    #expect(close(a.topAgreement(with: single, share: 0.25), 2.0 / 7 / 2))
    #expect(close(single.topAgreement(with: single, share: 0.25), 1))
    #expect(a.topAgreement(with: map([2, 2, 2, 2, 2, 2, 2, 2]), share: 0.25) == .undefined("constant map"))
    let large = (0..<4).map { ImageMap(made($0), width: 28, height: 20) }
    let tied = (0..<4).map { (m: Int) -> ImageMap in
      let small = (made(m) - 0.4).relu.doubles
      let values = (0..<140).map { pixel -> Double in
        let (row, column) = (pixel / 14, pixel % 14)
        return small[(row / 2) * 7 + column / 2]
      }
      return ImageMap(Tensor(values, shape: [1, 10, 14]), width: 14, height: 10)
    }
    for (maps, shares, expected) in [
      (large, [0.05, 0.1, 0.37], expected.agreement), (tied, [0.05, 0.37, 0.8], expected.tied),
    ] {
      let found = maps.dropFirst().flatMap { map in shares.map { maps[0].topAgreement(with: map, share: $0) } }
      #expect(zip(found, expected).allSatisfy { close($0, $1) }, "\(found) for \(expected)")
    }
  }

  @Test("cells of a grid of any numbers of rows and columns have the shares of an independent implementation")
  func cells() {
    let found = (0..<4).flatMap { m in
      (0..<8).map { ImageMap(made(m), width: 28, height: 20).gridPointing(cell: $0, rows: 2, columns: 4) }
    }
    #expect(zip(found, expected.cells).allSatisfy { close($0, $1) })
    let one = ImageMap(Tensor([0, 0, 3, 1.0], shape: [1, 1, 4]), width: 4, height: 1)
    #expect(one.gridPointing(cell: 0, rows: 1, columns: 4) == .defined(0))
    #expect(one.gridPointing(cell: 2, rows: 1, columns: 4) == .defined(0.75))
  }

  // MARK: - Objects and composite images

  private static let network = Architecture.plain.network(classes: 4, seed: 1)

  /// An image of noise with these objects.
  private func image(
    label: Int, _ objects: [(label: Int, columns: Range<Int>)] = [], index: Int = 0, labels: [Int]? = nil
  ) -> EvaluatedImage {
    var random = RandomSource(seed: 1, purpose: "images", index)
    let network = EvaluatedNetwork(Self.network, precision: .float64, movesParameters: false)
    return EvaluatedImage(
      .normal([1, 16, 16, 3], using: &random), of: network, label: label, labels: labels ?? [label],
      objects: objects.map {
        .init(label: $0.label, region: Region(width: 16, height: 16, boxes: [($0.columns, 0..<16)]), hasMask: false)
      }, index: index, kind: .init(methods: [.normGrad], layers: ["features.5"]))
  }

  private static let setting = MapSetting(method: .normGrad, layer: "features.5", weights: .plain)

  @Test("energy and pointing explain each annotated class on its own objects")
  func objects() throws {
    let image = image(label: 1, [(1, 0..<4), (3, 8..<16), (3, 5..<6), (0, 6..<7)])
    func energy(_ class_: Int) -> Double {
      let region = image.region(of: class_)
      return region.flatMap { image.map(of: class_, at: Self.setting).energy(in: $0).number } ?? .nan
    }
    #expect(image.region(of: 3)?.share == 9.0 / 16 && image.region(of: 2) == nil)
    #expect(Energy().value(of: image, at: Self.setting) == .defined(energy(1)))
    #expect(close(Energy(explain: .others).value(of: image, at: Self.setting), (energy(0) + energy(3)) / 2))
    #expect(
      close(Energy(explain: .all).value(of: image, at: Self.setting), (energy(0) + energy(1) + energy(3)) / 3))
    func area(_ choice: ObjectChoice) -> Score.Value? { Energy(explain: choice).baselines(at: []).first?.value(image) }
    #expect(area(.label) == .defined(0.25) && area(.others) == .defined((1.0 / 16 + 9.0 / 16) / 2))
    let points = [0, 1, 3].map { class_ in
      image.region(of: class_).flatMap { image.map(of: class_, at: Self.setting).pointing(at: $0, tolerance: 0).number }
    }
    let mean = points.reduce(0) { $0 + ($1 ?? .nan) } / 3
    #expect(close(PointingGame(tolerance: 0, explain: .all).value(of: image, at: Self.setting), mean))
    let alone = self.image(label: 1, [(1, 0..<4)])
    #expect(Energy(explain: .others).value(of: alone, at: Self.setting) == .undefined("no region"))
    #expect([Energy(), Energy(explain: .all)].map(\.resultName) == ["energy", "energy_all"])
    #expect(PointingGame(explain: .others).resultName == "pointing_game_others")
    let ranks = [0, 1, 3].map { class_ in
      image.region(of: class_).flatMap { image.map(of: class_, at: Self.setting).rankAccuracy(in: $0).number } ?? .nan
    }
    #expect(close(RelevanceRank(explain: .all).value(of: image, at: Self.setting), ranks.reduce(0, +) / 3))
    #expect(RelevanceRank(explain: .all).resultName == "relevance_rank_all")
  }

  @Test("the border share may be that of the least likely class, and its baseline is the ring's share at each layer")
  func borderClasses() {
    let image = image(label: 2)
    let measure = BorderShare(explain: .bottom)
    #expect(
      measure.value(of: image, at: Self.setting) == image.map(of: image.bottom, at: Self.setting).borderShare)
    let baselines = measure.baselines(at: ["features.5", "elsewhere"])
    let size = image.mapSize(at: "features.5")
    #expect(baselines.map(\.id) == ["border_share_bottom_area features.5", "border_share_bottom_area elsewhere"])
    #expect(baselines[0].value(image).number == size.map { Region.ring(width: $0.width, height: $0.height).share })
    #expect(baselines[1].value(image).number == nil)
  }

  @Test("top-k agreement compares the most likely class with the second or the least likely one")
  func agreementClasses() {
    let image = image(label: 2)
    func map(_ class_: Int) -> ImageMap { image.map(of: class_, at: Self.setting) }
    let top = map(image.top)
    #expect(
      TopKAgreement().value(of: image, at: Self.setting) == top.topAgreement(with: map(image.ranking[1]), share: 0.05))
    let bottom = TopKAgreement(share: 0.2, against: .bottom)
    #expect(bottom.value(of: image, at: Self.setting) == top.topAgreement(with: map(image.bottom), share: 0.2))
    #expect(bottom.resultName == "top_k_agreement_bottom")
    #expect(bottom.baselines(at: []).first?.value(image) == .defined(51.0 / 256))
  }

  private func items(_ labels: [[Int]]) -> [MeasuredItem] {
    labels.enumerated().map { MeasuredItem(image(label: $1[0], index: $0, labels: $1)) }
  }

  @Test("fixed groups depend on order, labels and seed alone, use an image once, and never show a class twice")
  func groups() {
    let items = items((0..<14).map { [$0 % 3] } + [[0, 1], [1, 2]])
    let groups = ImageGroups.fixed(of: items, size: 2, atMost: 50, seed: 0)
    #expect(groups.count >= 7 && Set(groups.flatMap(\.self)).count == 2 * groups.count)
    for group in groups {
      #expect(Set(items[group[0]].labels).isDisjoint(with: items[group[1]].labels))
    }
    #expect(ImageGroups.fixed(of: items, size: 2, atMost: 3, seed: 0) == Array(groups.prefix(3)))
    #expect(ImageGroups.fixed(of: items, size: 2, atMost: 50, seed: 1) != groups)
    #expect(ImageGroups.fixed(of: items, size: 4, atMost: 50, seed: 0).isEmpty)
    #expect(ImageGroups.fixed(of: [], size: 2, atMost: 50, seed: 0).isEmpty)
    // Every class is used about equally often.
    let balanced = ImageGroups.fixed(of: self.items((0..<12).map { [$0 % 4] }), size: 2, atMost: 50, seed: 0)
    #expect(balanced.count == 6)
    let measure = GridPointing(rows: 1, columns: 2, grids: 3, choose: .fixed)
    #expect(measure.groups(of: items) == Array(groups.prefix(3)))
  }

  @Test("a grid of one row and two columns has the images side by side")
  func grid() {
    let (a, b) = (Tensor.ones([1, 2, 3, 3]), Tensor.ones([1, 2, 3, 3]) * 2)
    let composed = GridPointing(rows: 1, columns: 2).composed([a, b], of: []).image
    #expect(composed.shape == [1, 2, 6, 3])
    #expect(composed.sliced(axis: 2, from: 3, length: 3).floats.allSatisfy { $0 == 2 })
    #expect(GridPointing(rows: 3, columns: 1).composed([a, b, a], of: []).image.shape == [1, 6, 3, 3])
  }

  @Test("a canvas has each image, resized, in its own rectangle, with the background around", arguments: [2, 4])
  func canvas(_ count: Int) {
    let items = items((0...count).map { [$0 % 4] })
    let images = (0...count).map { Tensor.ones([1, 16, 16, 3]) * Double($0 + 1) }
    for background in CanvasPointing.Background.allCases {
      let measure = CanvasPointing(background: background, images: count)
      let composed = measure.composed(images, of: items)
      #expect(composed.image.shape == [1, 32, 32, 3] && composed.objects.count == count)
      let pixels = composed.image.sliced(axis: 3, from: 0, length: 1).doubles
      var covered = [Bool](repeating: false, count: 1024)
      for (index, object) in composed.objects.enumerated() {
        #expect(object.label == items[index].label)
        #expect((64.0 / 1024...256.0 / 1024).contains(object.region.share))
        for (pixel, isInside) in object.region.covers.enumerated() where isInside {
          #expect(!covered[pixel] && pixels[pixel] == Double(index + 1))
          covered[pixel] = true
        }
      }
      let around = background == .mean ? 0 : Double(count + 1)
      #expect(zip(pixels, covered).allSatisfy { $1 || $0 == around })
      #expect(measure.composed(images, of: items).objects.map(\.region) == composed.objects.map(\.region))
      var other = measure
      other.seed = 1
      #expect(other.composed(images, of: items).objects.map(\.region) != composed.objects.map(\.region))
    }
  }

  @Test("measures with other settings stand under other names")
  func names() {
    #expect(GridPointing().resultName == "grid_pointing" && GridPointing(side: 3).resultName == "grid_pointing_3x3")
    #expect(GridPointing(rows: 1, columns: 2, choose: .fixed).resultName == "grid_pointing_1x2_fixed")
    #expect(CanvasPointing().resultName == "canvas_pointing")
    #expect(CanvasPointing(background: .image, images: 3).resultName == "canvas_pointing_3_on_image")
    #expect(Registries.measures["grid_pointing"]?.name == "grid_pointing")
  }
}
