import Components
import Tensors

/// The pointing game on a canvas: images of different classes, each resized, lie at random places of a larger canvas,
/// which is of the mean color or another image, enlarged. The value is the share of each class's map, of its positive
/// part, inside the rectangle of the class's own image. The baseline is the rectangle's share of the canvas, which a
/// uniform map has.
///
/// It is the grid pointing game (Böhle et al. 2021) without a grid: nothing can be learned from where cells meet.
/// Images and layouts depend only on the images' order, their labels and a seed, so that networks are compared on the
/// same canvases. Images are resized bilinearly, as maps are.
public struct CanvasPointing: CompositeMeasure {
  /// What the canvas shows beside the images.
  public enum Background: String, Sendable, CaseIterable {
    /// The mean color, which is 0 in the network's input.
    case mean
    /// An image of a class that none of the placed images has.
    case image
  }

  public let name = "canvas_pointing"
  public let isHigherBetter: Bool? = true
  public let aspect: MeasureAspect? = .localization
  /// What the canvas shows beside the images.
  public var background: Background
  /// The number of images on a canvas.
  public var images: Int
  /// The side of the canvas, in multiples of an image's.
  public var canvas: Double
  /// The smallest and the largest side of a placed image, in multiples of its own.
  public var smallest, largest: Double
  /// The largest number of canvases.
  public var canvases: Int
  /// The seed of the choice of images and of the layouts.
  public var seed: Int

  /// Creates the measure; by default at most 50 canvases of twice the size, with two images of half to full size.
  public init(
    background: Background = .mean, images: Int = 2, canvas: Double = 2, smallest: Double = 0.5, largest: Double = 1,
    canvases: Int = 50, seed: Int = 0
  ) {
    (self.background, self.images, self.canvas) = (background, images, canvas)
    (self.smallest, self.largest, self.canvases, self.seed) = (smallest, largest, canvases, seed)
  }

  public mutating func visit(_ keys: Keys) {
    keys("background", &background, .choice())
    keys("images", &images, .integer(1...9))
    keys("canvas", &canvas, .number(1...8))
    keys("smallest", &smallest, .number(0.1...4))
    keys("largest", &largest, .number(0.1...4))
    keys("canvases", &canvases, .integer(1...100_000))
    keys("seed", &seed, .integer(0...(.max)))
    if smallest > largest { keys.refuse("smallest", "\(smallest), larger than the largest, \(largest)") }
    if largest * Double(tiles) > canvas {
      keys.refuse(
        "largest", "\(images) images of \(largest) times their size do not surely fit on a canvas of \(canvas) times")
    }
  }

  /// `canvas_pointing`, followed by the number of images unless it is two, and by the background unless it is the mean
  /// color.
  public var resultName: String {
    name + (images == 2 ? "" : "_\(images)") + (background == .mean ? "" : "_on_\(background.rawValue)")
  }

  public var explanation: String {
    "Canvas pointing: the share of a class's positive saliency inside the rectangle of its own image, of "
      + "\(images == 1 ? "one" : "\(images)") at random places on "
      + (background == .mean ? "a canvas of the mean color." : "another image.")
  }

  /// The number of images on a side of the grid in whose cells all images fit.
  private var tiles: Int { Int(Double(images).squareRoot().rounded(.up)) }
  private var groupSize: Int { images + (background == .image ? 1 : 0) }

  public func obstacle(_ conditions: MeasureConditions) -> String? {
    guard conditions.dataClasses < groupSize || conditions.images < groupSize else { return nil }
    return
      "needs \(groupSize) classes and images for a canvas; there are \(conditions.dataClasses) classes, and "
      + "\(conditions.images) images are measured"
  }

  public var footprint: MeasureFootprint { MeasureFootprint(pixels: canvas * canvas) }

  public func groups(of items: [MeasuredItem]) -> [[Int]] {
    ImageGroups.fixed(of: items, size: groupSize, atMost: canvases, seed: seed)
  }

  public func composed(_ images: [Tensor], of items: [MeasuredItem]) -> CompositeImage {
    let (imageHeight, imageWidth) = (images[0].shape[1], images[0].shape[2])
    let (height, width) = (Self.scaled(imageHeight, canvas), Self.scaled(imageWidth, canvas))
    var random = RandomSource(
      seed: UInt64(bitPattern: Int64(seed)), purpose: "canvas layout", items[0].index)
    let boxes = layout(imageHeight, imageWidth, height, width, &random)
    var pixels =
      background == .image
      ? images[self.images].resized(height: height, width: width).doubles
      : [Double](repeating: 0, count: height * width * 3)
    for (box, image) in zip(boxes, images) {
      let source = image.resized(height: box.rows.count, width: box.columns.count).doubles
      let length = box.columns.count * 3
      for (line, y) in box.rows.enumerated() {
        let start = (y * width + box.columns.lowerBound) * 3
        pixels.replaceSubrange(start..<(start + length), with: source[(line * length)..<((line + 1) * length)])
      }
    }
    return CompositeImage(
      Tensor(pixels, shape: [1, height, width, 3]).converted(to: images[0].scalarType),
      objects: zip(boxes, items).map { box, item in
        EvaluatedImage.Object(
          label: item.label, region: Region(width: width, height: height, boxes: [(box.columns, box.rows)]),
          hasMask: false)
      })
  }

  /// Draws a rectangle for each image, such that none overlaps another. If many draws fail, each image has its own cell
  /// of a grid, in which its place is drawn.
  private func layout(
    _ imageHeight: Int, _ imageWidth: Int, _ height: Int, _ width: Int, _ random: inout RandomSource
  ) -> [(columns: Range<Int>, rows: Range<Int>)] {
    let sizes = (0..<images).map { _ in
      let scale = smallest + (largest - smallest) * random.uniform()
      return (Self.scaled(imageHeight, scale), Self.scaled(imageWidth, scale))
    }
    func place(_ size: Int, in range: Range<Int>) -> Range<Int> {
      let start = Int.random(in: range.lowerBound...max(range.lowerBound, range.upperBound - size), using: &random)
      return start..<min(range.upperBound, start + size)
    }
    for _ in 0..<100 {
      let boxes = sizes.map { (columns: place($0.1, in: 0..<width), rows: place($0.0, in: 0..<height)) }
      let isFree = boxes.indices.allSatisfy { i in
        (0..<i).allSatisfy {
          !boxes[i].columns.overlaps(boxes[$0].columns) || !boxes[i].rows.overlaps(boxes[$0].rows)
        }
      }
      if isFree { return boxes }
    }
    func cell(_ index: Int, of length: Int) -> Range<Int> {
      (index * length / tiles)..<((index + 1) * length / tiles)
    }
    let cells = Array(0..<(tiles * tiles)).shuffled(using: &random)
    return zip(sizes, cells).map { size, index in
      (place(size.1, in: cell(index % tiles, of: width)), place(size.0, in: cell(index / tiles, of: height)))
    }
  }

  private static func scaled(_ length: Int, _ factor: Double) -> Int {
    max(1, Int((Double(length) * factor).rounded()))
  }

  /// The value of each image.
  public func values(ofComposite image: EvaluatedImage, at setting: MapSetting) -> [Score.Value] {
    image.objects.map { image.map(of: $0.label, at: setting).energy(in: $0.region) }
  }

  public func baselines(at layers: [String]) -> [MeasureBaseline] {
    [
      MeasureBaseline("the rectangle's share of the area", key: "\(resultName)_area") { image in
        .defined(image.objects.reduce(0) { $0 + $1.region.share } / Double(max(1, image.objects.count)))
      }
    ]
  }
}
