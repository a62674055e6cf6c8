import Tensors
import Testing

@testable import Datasets

@Suite("Generated scenes") struct ScenesTests {
  private static let scenes = Scenes(count: 400, size: 32, objects: 3, seed: 1)

  @Test("a scene depends only on the seed and its index")
  func determinism() {
    #expect(Self.scenes.sample(at: 7).image == Scenes(count: 10, objects: 3, seed: 1).sample(at: 7).image)
    #expect(Self.scenes.sample(at: 7).image != Self.scenes.sample(at: 8).image)
    #expect(Self.scenes.sample(at: 7).image != Scenes(count: 10, objects: 3, seed: 2).sample(at: 7).image)
  }

  @Test("objects are of different classes, each inside its box, and the label is the largest one's")
  func objects() throws {
    for index in 0..<200 {
      let sample = Self.scenes.sample(at: index)
      #expect(sample.objects.count == 3)
      #expect(Set(sample.objects.map(\.label)).count == 3)
      for object in sample.objects {
        for (i, covered) in try #require(object.mask).enumerated() where covered {
          #expect(object.columns.contains(i % 32) && object.rows.contains(i / 32))
        }
      }
      // Sizes are compared by bounding boxes, since shapes fill different shares of their circles.
      func extent(_ object: Sample.Object) -> Int { max(object.columns.count, object.rows.count) }
      #expect(sample.objects[0].label == sample.label)
      #expect(sample.objects.dropFirst().allSatisfy { extent($0) < extent(sample.objects[0]) })
    }
  }

  @Test("color does not reveal the class: objects of all classes have about the same mean color")
  func colors() throws {
    var sums = [Int: (color: SIMD3<Double>, count: Double)]()
    for index in 0..<400 {
      let sample = Self.scenes.sample(at: index)
      for object in sample.objects {
        let mask = try #require(object.mask)
        let covered = mask.indices.filter { mask[$0] }
        let mean = covered.reduce(SIMD3<Double>.zero) { sum, i in
          sum + SIMD3((0..<3).map { Double(sample.image.pixels[i * 3 + $0]) / 255 })
        }
        sums[object.label, default: (.zero, 0)].color += mean / Double(max(1, covered.count))
        sums[object.label, default: (.zero, 0)].count += 1
      }
    }
    #expect(sums.count == 8)
    let means = sums.values.map { $0.color / $0.count }
    for c in 0..<3 {
      let values = means.map { $0[c] }
      // 150 draws of a color with std 0.3 give means with std 0.025.
      #expect((values.max() ?? 1) - (values.min() ?? 0) < 0.15)
    }
  }
}
