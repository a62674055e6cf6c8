import Components
import Foundation
import Networks
import Saliency
import TestSupport
import Tensors
import Testing

@testable import Learning

@Suite("Mosaics") struct MosaicTests {
  /// Images of constant values 1, 2, … of labels 0, 0, 1, 2, 3, 4.
  private static func batch(_ labels: [Int] = [0, 0, 1, 2, 3, 4], side: Int = 8) -> MetaStep.Batch {
    let images = Tensor.concatenated(
      labels.indices.map { Tensor(repeating: Double($0 + 1), shape: [1, side, side, 3], .float64) }, axis: 0)
    var random = RandomSource(seed: 4, purpose: "draws")
    return MetaStep.Batch(
      images: images, labels: labels, targets: .softTargets(of: labels.map { [($0, 1)] }, classes: 5, .float64),
      draws: labels.map { _ in random.next() })
  }

  @Test(
    "every object's region shows the image of its class, and the rest shows nothing",
    arguments: [
      Mosaics(repeats: 4), Mosaics(jitter: 0.5, repeats: 4), Mosaics(grid: 3, scale: 0.5, jitter: 0.2, repeats: 4),
      Mosaics(grid: 2, scale: 0.5, repeats: 2),
    ])
  func regions(_ mosaics: Mosaics) throws {
    let (batch, count) = (Self.batch(), mosaics.count(of: 6))
    let composed = mosaics(batch)
    #expect(composed.labels.count == count && composed.images.shape[0] == count)
    let (height, width) = (composed.images.shape[1], composed.images.shape[2])
    #expect(height == width && Double(height * width) == mosaics.pixels * 64)
    for index in 0..<count {
      let pixels = composed.images.sliced(axis: 0, from: index, length: 1).doubles
      var shown = [Int?](repeating: nil, count: height * width)
      #expect(composed.objects[index].count == mosaics.grid * mosaics.grid)
      for object in composed.objects[index] {
        for (pixel, isCovered) in object.region.covers.enumerated() where isCovered {
          #expect(shown[pixel] == nil)
          shown[pixel] = object.label
        }
      }
      for pixel in shown.indices {
        let value = Int(pixels[3 * pixel])
        #expect(value == 0 ? shown[pixel] == nil : shown[pixel] == batch.labels[value - 1])
      }
      #expect(abs(composed.targets.sliced(axis: 0, from: index, length: 1).doubles.reduce(0, +) - 1) < 1e-12)
    }
    // Drawn anew, they are the same; of other random numbers, others.
    #expect(mosaics(batch).images.doubles == composed.images.doubles)
  }

  @Test("a mosaic has different classes while the batch has them, and every image has its turn")
  func choice() {
    let mosaics = Mosaics(repeats: 10)
    let composed = mosaics(Self.batch())
    #expect(composed.objects.allSatisfy { Set($0.map(\.label)).count == 4 })
    let times = Dictionary(grouping: composed.objects.joined().map(\.label), by: { $0 }).mapValues(\.count)
    #expect(times.count == 5 && times.values.min() ?? 0 >= 8)
    // Of two classes and of one there are mosaics too.
    #expect(Mosaics()(Self.batch([0, 1, 0, 1])).objects.allSatisfy { Set($0.map(\.label)) == [0, 1] })
    #expect(Mosaics()(Self.batch([3])).objects.allSatisfy { $0.map(\.label) == [3, 3, 3, 3] })
  }

  /// Objectives whose maps are given: the value of each for maps of four classes on a mosaic of 2×2 locations.
  @Test(
    "competition is log K for equal maps and at most log(1 + K / ε) for wrong ones; cell share is the share outside")
  func values() throws {
    let network = Architecture.plain.network(classes: 5, seed: 3).converted(to: .float64)
    let batch = Mosaics()(Self.batch([0, 1, 2, 3]))
    let maps = MapSettings(.normGrad, at: ["features.5"])
    let images = ObjectiveImages(
      images: batch.images, labels: batch.labels, targets: batch.targets, draws: batch.draws,
      plain: Inference(network, batch.images, capturing: ["features.5"]), maps: maps, batch: batch,
      range: 0..<batch.labels.count)
    let objects = ObjectClasses(images)
    #expect(objects.classes.count == 4 && objects.counts.joined().allSatisfy { $0 })
    let cells = (0..<4).map { objects.cover($0, height: 2, width: 2, .float64) }
    #expect(cells.map(\.doubles).reduce([0, 0, 0, 0]) { zip($0, $1).map { $0 + $1 } } == [1, 1, 1, 1])
    let flat = Tensor(repeating: 0.3, shape: [1, 2, 2], .float64)
    func competition(_ maps: [Tensor]) -> Double { Competition().value(maps, objects).sum().item }
    #expect(abs(competition([flat, flat, flat, flat]) - log(4)) < 1e-12)
    #expect(abs(competition([flat, flat, flat, flat].map { $0 * 0 }) - log(4)) < 1e-12)
    // Right: each map is 1 on its own cell; ε s is 0.01.
    #expect(abs(competition(cells) - log(1.04 / 1.01)) < 1e-12)
    // Wrong: each map is 1 on the next class's cell.
    let wrong = [cells[1], cells[2], cells[3], cells[0]]
    #expect(abs(competition(wrong) - log(1.04 / 0.01)) < 1e-12)
    // A factor that all maps share at a location cancels, but for the floor.
    let factor = Tensor([1.0, 5, 2, 7], shape: [1, 2, 2])
    let some = cells.map { $0 + flat }
    #expect(
      abs(
        Competition(floor: 1e-6).value(some.map { $0 * factor }, objects).sum().item
          - Competition(floor: 1e-6).value(some, objects).sum().item) < 1e-4)
    let share = CellShare().terms(for: images)
    #expect(share.count == 1 && share[0].passes.count == 4)
    #expect(CellShare.value(cells, objects).sum().item == 0 && CellShare.value(wrong, objects).sum().item == 1)
    #expect(abs(CellShare.value([flat, flat, flat, flat], objects).sum().item - 0.75) < 1e-12)
    #expect(CellShare.value([flat * 0, flat, flat, flat], objects).sum().item == 0.8125)
  }

  @Test("classes that occur twice in a mosaic are one class, with both cells")
  func repeated() throws {
    let network = Architecture.plain.network(classes: 5, seed: 3).converted(to: .float64)
    let batch = Mosaics()(Self.batch([0, 1, 0, 1]))
    let images = ObjectiveImages(
      images: batch.images, labels: batch.labels, targets: batch.targets, draws: batch.draws,
      plain: Inference(network, batch.images, capturing: []), maps: MapSettings(.normGrad, at: []), batch: batch,
      range: 0..<1)
    let objects = ObjectClasses(images)
    #expect(objects.classes.count == 2 && objects.cover(0, height: 2, width: 2, .float64).sum().item == 2)
    let flat = Tensor(repeating: 1.0, shape: [1, 2, 2], .float64)
    #expect(abs(Competition().value([flat, flat], objects).sum().item - log(2)) < 1e-12)
    #expect(abs(CellShare.value([flat, flat], objects).sum().item - 0.5) < 1e-12)
  }
}
