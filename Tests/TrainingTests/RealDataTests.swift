import Datasets
import Formats
import Foundation
import Networks
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Training

/// The pointing game on annotated data sets, and the accuracy of real networks on real photographs.
@Suite("Real data sets") struct RealDataTests {
  private let folder = ScratchFolder()

  private static let normalization = Normalization(mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])

  // MARK: The pointing game

  /// Plays the pointing game on the first samples: whether the largest value of each map, and the center of each image,
  /// lie on an object of the class.
  private func game(_ data: any Dataset, _ resizeCrop: ResizeCrop, count: Int) throws -> (
    maps: [Double], centres: [Double]
  ) {
    let source = BatchSource(data, size: count, normalization: Self.normalization, resizeCrop: resizeCrop)
    let evaluation = Evaluation(
      measures: [PointingGame()], methods: [.gradCAM], layers: ["features.8"], virtualRate: nil)
    var result = Evaluation.Result()
    let network = Architecture.plain.network(classes: data.classNames.count, seed: 1)
    try evaluation.measure(network, try source.batch(Array(0..<count)), workers: 2, into: &result)
    let score = try #require(result.scores["pointing_game"]?[evaluation.settings[0]])
    #expect(evaluation.report([("measured", result)]).contains("(the image's centre)"))
    return (
      score.values.compactMap(\.number), result.baselines["pointing_game"]?["centre"]?.values.compactMap(\.number) ?? []
    )
  }

  /// Writes images of 200×100 pixels with a large object of one class, and an object of another in a corner.
  private func figures(_ names: [String]) throws {
    for (number, name) in names.enumerated() {
      try Files.makeFolder(folder.file((name as NSString).deletingLastPathComponent))
      let pixels = (0..<200 * 100 * 3).map { UInt8(truncatingIfNeeded: ($0 / 3 % 200) * (number + 2) ^ ($0 / 600)) }
      try RGBImage(width: 200, height: 100, pixels: pixels).writePNG(to: folder.file(name))
    }
  }

  @Test("the pointing game on a VOC tree has a sample for each class of an image")
  func voc() throws {
    try figures(["JPEGImages/000001.jpg", "JPEGImages/000002.jpg"])
    try folder.write("ImageSets/Main/val.txt", "000001\n000002\n")
    for (name, corner) in [("000001", "cat"), ("000002", "cow")] {
      try folder.write(
        "Annotations/\(name).xml",
        """
        <annotation><object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>200</xmax><ymax>100</ymax></bndbox>
        </object><object><name>\(corner)</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>6</xmax><ymax>6</ymax></bndbox>
        </object></annotation>
        """)
    }
    let data = try ObjectImages.voc(folder.path, split: "val")
    let found = try game(data, ResizeCrop(resize: 64, crop: 64), count: data.count)
    // The samples are in the order of classes: cat and dog, cow and dog. The crop removes the corners.
    #expect(found.maps == [1, 1] && found.centres == [1, 1])
    let whole = try game(data, ResizeCrop(resize: 64), count: data.count)
    #expect(whole.maps.count == 4 && whole.maps[1] == 1 && whole.maps[3] == 1)
    #expect(whole.centres == [0, 1, 0, 1])
  }

  @Test("the pointing game on a COCO tree has a sample for each class of an image")
  func coco() throws {
    try figures(["images/a.png"])
    let path = try folder.write(
      "instances.json",
      """
      {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 9, "name": "dog"}, {"id": 4, "name": "cat"}],
       "annotations": [
         {"id": 1, "image_id": 1, "category_id": 9, "bbox": [0, 0, 200, 100]},
         {"id": 2, "image_id": 1, "category_id": 4, "bbox": [0, 0, 6, 6], "segmentation": [[0, 0, 6, 0, 6, 6, 0, 6]]}]}
      """)
    let data = try ObjectImages.coco(annotations: path, images: folder.file("images"))
    let found = try game(data, ResizeCrop(resize: 64), count: data.count)
    #expect(found.maps.count == 2 && found.maps[1] == 1 && found.centres == [0, 1])
  }

  @Test(
    "the pointing game runs on COCO's photographs",
    .enabled(if: Shared.exists("data/coco"), "../shared/data/coco is not there"))
  func photographs() throws {
    let data = try ObjectImages.coco(
      annotations: Shared.path("data/coco/instances.json"), images: Shared.path("data/coco/images"))
    #expect(data.classNames.count == 80)
    let found = try game(data, ResizeCrop(resize: 128, crop: 128), count: 60)
    #expect(found.maps.count > 40 && found.maps.count == found.centres.count)
    for values in [found.maps, found.centres] {
      let share = values.reduce(0, +) / Double(values.count)
      #expect(share > 0.1 && share < 0.9)
    }
  }

  // MARK: Accuracy

  /// The number of labels that are among the most likely classes, for each number of classes.
  private func hits(_ network: Network, _ source: BatchSource, among ranks: [Int]) throws -> [Int] {
    let parts = evenParts(of: source.dataset.count, atMost: 20)
    return try Parallel.map(parts.count) { index in
      let batch = try source.batch(Array(parts[index]))
      let logits = network(batch.images).logits.doubles
      return ranks.map { rank in
        batch.labels.enumerated().count { image, label in
          let row = logits[image * network.classes..<(image + 1) * network.classes]
          return row.count { $0 > row[row.startIndex + label] } < rank
        }
      }
    }.reduce(ranks.map { _ in 0 }) { zip($0, $1).map(+) }
  }

  @Test(
    "ResNets for CIFAR-10 have the published accuracy on test images",
    .enabled(if: Shared.exists("data/cifar10-binary"), "../shared/data/cifar10-binary is not there"),
    arguments: [(Architecture.resnet20, "resnet20-12fca82f.th", 0.915), (.resnet56, "resnet56-4bfd9763.th", 0.926)])
  func residual(_ architecture: Architecture, _ weights: String, _ accuracy: Double) throws {
    let read = try WeightFile.read(Shared.path("data/weights/" + weights))
    let network = try architecture.network().loading(read.entries.map { ($0.name, $0.value) })
    let data = try CIFARBinary(.cifar10, [Shared.path("data/cifar10-binary/test_batch.bin")])
    let found = try hits(network, BatchSource(data, size: 20, normalization: Self.normalization), among: [1])[0]
    // For 500 of 10,000 images the std of the share is 0.012.
    #expect(abs(Double(found) / Double(data.count) - accuracy) < 0.02, "\(found) of \(data.count)")
  }

  @Test(
    "ImageNet's SqueezeNet classifies photographs as in PyTorch: top-1 84 of 133, top-5 115",
    .enabled(if: Shared.exists("data/imagenet"), "../shared/data/imagenet is not there"))
  func squeezeNet() throws {
    let read = try WeightFile.read(Shared.path("data/weights/squeezenet1_0-imagenet.safetensors"))
    let network = try Architecture.squeezenet1_0.network(classes: 1000).loading(
      read.entries.map { ($0.name, $0.value) })
    let data = try ImageFolder(
      Shared.path("data/imagenet/images"), classes: Shared.path("data/imagenet/classes.txt"))
    let source = BatchSource(
      data, size: 20, normalization: Self.normalization, resizeCrop: ResizeCrop(resize: 256, crop: 224))
    #expect(try data.count == 133 && hits(network, source, among: [1, 5]) == [84, 115])
  }
}
