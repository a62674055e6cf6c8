import Formats
import TestSupport
import Tensors
import Testing

@testable import Datasets

/// Augmentations against Pillow and torchvision; `Fixtures/make_images.py` makes the fixture.
@Suite("Augmentation") struct AugmentationTests {
  private static let images = Result {
    try Dictionary(
      uniqueKeysWithValues: Safetensors.read(fixture("images.safetensors")).entries.map { name, value in
        (name, RGBImage(width: value.shape[1], height: value.shape[0], pixels: value.doubles.map { UInt8($0) }))
      })
  }

  /// The fixtures' images whose names begin with `kind`, split into the parts of their names.
  private func expected(_ kind: String) throws -> (source: RGBImage, cases: [(parts: [String], image: RGBImage)]) {
    let images = try Self.images.get()
    let cases = images.filter { $0.key.hasPrefix(kind + ".") }.map { name, image in
      (name.dropFirst(kind.count + 1).split(separator: kind == "randaugment" ? "." : "/").map(String.init), image)
    }
    #expect(!cases.isEmpty)
    return (try #require(images["source"]), cases.sorted { $0.0.joined() < $1.0.joined() })
  }

  private func furthest(_ one: RGBImage, _ other: RGBImage) -> Int {
    guard one.width == other.width, one.height == other.height else { return .max }
    return zip(one.pixels, other.pixels).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
  }

  @Test("resizing gives the same bytes as Pillow")
  func resizing() throws {
    let (source, cases) = try expected("resized")
    for (parts, image) in cases {
      let size = parts[0].split(separator: "x").compactMap { Int($0) }
      #expect(source.resized(width: size[0], height: size[1]) == image, "\(parts)")
    }
  }

  @Test("resize and center crop give the same bytes as torchvision")
  func resizeCrop() throws {
    let (source, cases) = try expected("framed")
    for (parts, image) in cases {
      let size = parts[0].split(separator: ".").compactMap { Int($0) }
      let cropped = try ResizeCrop(resize: size[0], crop: size[1])(Sample(image: source, label: 0, source: "test"))
      #expect(cropped.image == image, "\(parts)")
    }
  }

  @Test(
    "color augmentations agree with torchvision to within 1/255",
    arguments: ["brightness", "contrast", "saturation", "sharpness", "hue"])
  func colors(_ kind: String) throws {
    let (source, cases) = try expected(kind)
    for (parts, image) in cases {
      let factor = try #require(Double(parts[0]))
      let changed =
        switch kind {
        case "brightness": source.brightened(by: factor)
        case "contrast": source.contrasted(by: factor)
        case "saturation": source.saturated(by: factor)
        case "sharpness": source.sharpened(by: factor)
        default: source.hueTurned(by: factor)
        }
      #expect(furthest(changed, image) <= 1, "\(kind) \(factor)")
    }
  }

  @Test("RandAugment's operations agree with torchvision to within 1/255", arguments: RandAugment.Change.allCases)
  func randAugment(_ change: RandAugment.Change) throws {
    let (source, all) = try expected("randaugment")
    let cases = all.filter { $0.parts[0].lowercased() == "\(change)".lowercased() }
    #expect(!cases.isEmpty)
    for (parts, image) in cases {
      let magnitude = try #require(Int(parts[1]))
      let changed = change(source, magnitude: magnitude, isReversed: parts[2] == "-1")
      // A pixel whose source point lies on the border between two pixels may be taken from either.
      let differing = zip(changed.pixels, image.pixels).count { abs(Int($0) - Int($1)) > 1 }
      #expect(differing * 100 <= image.pixels.count, "\(parts): \(differing) of \(image.pixels.count)")
    }
  }

  @Test("objects are resized and cropped with their image, and removed if they are cut off")
  func objects() throws {
    let image = RGBImage(width: 40, height: 20) { _ in }
    var mask = [Bool](repeating: false, count: 800)
    for y in 5..<10 { for x in 10..<20 { mask[y * 40 + x] = true } }
    let sample = Sample(
      image: image, label: 0,
      objects: [
        .init(label: 0, columns: 10..<20, rows: 5..<10, mask: mask), .init(label: 1, columns: 0..<4, rows: 0..<3),
      ], source: "test")
    let cropped = try ResizeCrop(resize: 40, crop: 32)(sample)
    #expect(cropped.image.width == 32 && cropped.image.height == 32)
    #expect(cropped.objects.count == 1)
    #expect(cropped.objects[0].columns == 0..<16 && cropped.objects[0].rows == 6..<16)
    let found = try #require(cropped.objects[0].mask)
    #expect(found == (0..<1024).map { (0..<16).contains($0 % 32) && (6..<16).contains($0 / 32) })
    #expect(throws: FileError.self) { try ResizeCrop(crop: 30)(sample) }
  }

  /// An image with two objects, one red and one green, on black: a mask with a hole, and a box.
  private static let marked: Sample = {
    let (width, height) = (36, 28)
    func isRed(_ x: Int, _ y: Int) -> Bool { (4..<16).contains(x) && (6..<18).contains(y) && !(x > 9 && y > 11) }
    func isGreen(_ x: Int, _ y: Int) -> Bool { (20..<33).contains(x) && (10..<25).contains(y) }
    let places = (0..<(width * height)).map { ($0 % width, $0 / width) }
    return Sample(
      image: RGBImage(
        width: width, height: height,
        pixels: places.flatMap { [isRed($0, $1) ? 255 : 0, isGreen($0, $1) ? 255 : 0, 0] }),
      label: 0,
      objects: [
        .init(label: 0, columns: 4..<16, rows: 6..<18, mask: places.map { isRed($0, $1) }),
        .init(label: 1, columns: 20..<33, rows: 10..<25),
      ], source: "test")
  }()

  /// The pixels that an object covers, row by row.
  private static func covers(_ object: Sample.Object?, _ size: PixelSize) -> [Bool] {
    (0..<(size.width * size.height)).map { pixel in
      guard let object else { return false }
      return object.mask?[pixel]
        ?? (object.columns.contains(pixel % size.width) && object.rows.contains(pixel / size.width))
    }
  }

  @Test(
    "objects cover the pixels that show them after every augmentation that keeps them in place, and the image is the same",
    arguments: [
      (HorizontalFlip(), 0), (VerticalFlip(), 0), (PaddedCrop(9), 0), (RandomErasing(), 0), (ColorJitter(), 0),
      (RandomResizedCrop(), 1),
    ] as [(any Augmentation, Int)])
  func places(_ augmentation: any Augmentation, _ tolerance: Int) {
    #expect(augmentation.keepsObjectsInPlace)
    var augmentation = augmentation
    if var crop = augmentation as? RandomResizedCrop {
      (crop.size, crop.scale) = (24, [0.1, 1])
      augmentation = crop
    }
    var changed = 0
    for seed in 0..<40 {
      var (random, again) = (RandomSource(seed: UInt64(seed), purpose: "test"), RandomSource(seed: 0, purpose: "test"))
      again = random
      let sample = augmentation(Self.marked, background: [0, 0, 0], using: &random)
      #expect(sample.image == augmentation(Self.marked.image, background: [0, 0, 0], using: &again))
      #expect(random.next() == again.next())
      changed += sample.image == Self.marked.image ? 0 : 1
      let size = sample.image.size
      for label in 0..<2 {
        let object = sample.objects.first { $0.label == label }
        let covers = Self.covers(object, size)
        // A box is not made smaller where a part of it is erased.
        let isBox = augmentation is RandomErasing && label == 1
        for pixel in covers.indices where !isBox || !covers[pixel] {
          let isShown = sample.image.pixels[3 * pixel + label] > 127
          guard isShown != covers[pixel] else { continue }
          let (x, y) = (pixel % size.width, pixel / size.width)
          let isNear = (-tolerance...tolerance).contains { dy in
            (-tolerance...tolerance).contains { dx in
              // Nothing is covered beyond the border.
              let isInside = (0..<size.width).contains(x + dx) && (0..<size.height).contains(y + dy)
              return (isInside && covers[(y + dy) * size.width + x + dx]) == isShown
            }
          }
          #expect(isNear, "\(augmentation.name), seed \(seed), object \(label) at \(x), \(y)")
        }
      }
    }
    #expect(changed > (augmentation is ColorJitter ? -1 : 10))
  }

  @Test("augmentations that do not say where objects are do not claim to, and neither does one from outside")
  func unplaced() {
    struct Own: Augmentation {
      let name = "own"
      func callAsFunction(_ image: RGBImage, background: [UInt8], using random: inout RandomSource) -> RGBImage {
        image
      }
    }
    #expect(!RandAugment().keepsObjectsInPlace && !Own().keepsObjectsInPlace)
  }

  @Test(
    "training batches have the objects of their images only where they are asked for, with the same pixels",
    arguments: [[HorizontalFlip(), PaddedCrop(4)], [RandomResizedCrop(), RandomErasing()]] as [[any Augmentation]])
  func batches(_ augmentation: [any Augmentation]) throws {
    func batch(_ readsObjects: Bool) throws -> Batch {
      try BatchSource(
        Scenes(count: 8), size: 4, normalization: Normalization(mean: [0, 0, 0], std: [1, 1, 1]),
        resizeCrop: ResizeCrop(resize: 40, crop: 36), augmentation: augmentation, seed: 3, cacheLimit: 1 << 20,
        readsObjects: readsObjects
      ).batch(step: 1)
    }
    let (with, without) = (try batch(true), try batch(false))
    #expect(with.images.doubles == without.images.doubles && with.labels == without.labels)
    #expect(without.objects.joined().isEmpty)
    let size = with.rgbImages[0].size
    for object in with.objects.joined() {
      #expect(object.mask?.count == size.width * size.height && object.mask?.contains(true) == true)
    }
    #expect(!with.objects.joined().isEmpty)
  }

  @Test("random crops and erasing keep the size and stay within their ranges")
  func ranges() {
    var random = RandomSource(seed: 1, purpose: "test")
    let image = RGBImage(width: 30, height: 20, pixels: [UInt8](repeating: 200, count: 1800))
    var crop = RandomResizedCrop()
    crop.size = 8
    var erasing = RandomErasing()
    erasing.probability = 1
    for _ in 0..<50 {
      let cropped = crop(image, background: [0, 0, 0], using: &random)
      #expect(cropped.width == 8 && cropped.height == 8 && cropped.pixels.allSatisfy { $0 == 200 })
      let erased = erasing(image, background: [1, 2, 3], using: &random)
      let share = Double(erased.pixels.count { $0 == 1 }) / 600
      #expect(share > 0.01 && share < 0.4)
    }
    // The image is too wide for every allowed ratio, so the middle is taken.
    let strip = RGBImage(width: 300, height: 2, pixels: [UInt8](repeating: 9, count: 1800))
    #expect(crop(strip, background: [0, 0, 0], using: &random).pixels.allSatisfy { $0 == 9 })
  }

  @Test("the targets of mixed images have the shares of the images")
  func mixing() {
    var random = RandomSource(seed: 2, purpose: "test")
    let values = [2, 0, 1, 2]  // the first image is there for the second one
    let images = Tensor(values.flatMap { [Float](repeating: Float($0), count: 6 * 5 * 3) }, shape: [4, 6, 5, 3])
    let rgbImages = values.map { _ in RGBImage(width: 5, height: 6) { _ in } }
    let batch = Batch(
      images: images, labels: values, targets: values.map { [Target($0)] }, objects: values.map { _ in [] },
      rgbImages: rgbImages, indices: values)
    for mixing in [Mixup(0.4), CutMix(1)] as [any Mixing] {
      for _ in 0..<20 {
        let mixed = mixing(batch, using: &random)
        #expect(mixed.labels == [0, 1, 2] && mixed.indices == [0, 1, 2])
        for image in 0..<3 {
          let mean = mixed.images.sliced(axis: 0, from: image, length: 1).mean().item
          let expected = mixed.targets[image].reduce(0) { $0 + $1.share * Double($1.label) }
          #expect(abs(mean - expected) < 1e-5)
          #expect(Set(mixed.targets[image].map(\.label)) == [image, (image + 2) % 3])
          #expect(abs(mixed.targets[image].reduce(0) { $0 + $1.share } - 1) < 1e-9)
        }
      }
    }
    let draws = (0..<2000).map { _ in random.beta(0.5) }
    #expect(abs(draws.reduce(0, +) / 2000 - 0.5) < 0.05 && abs(draws.reduce(0) { $0 + $1 * $1 } / 2000 - 0.375) < 0.05)
  }
}
