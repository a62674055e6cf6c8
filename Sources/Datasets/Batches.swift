import Formats
import Synchronization
import Tensors

/// A batch of images that go through the network together.
public struct Batch: Sendable {
  /// The normalized images [N, H, W, 3].
  public let images: Tensor
  /// The class label of each image; for a sample of an image with several classes, the class that the sample is about.
  public let labels: [Int]
  /// All classes of each image with their shares; a share is 1 unless images are mixed.
  public let targets: [[Target]]
  /// The annotated objects of each image; empty for augmented images unless the source reads their objects.
  public let objects: [[Sample.Object]]
  /// The images as bytes, before normalization and mixing.
  public let rgbImages: [RGBImage]
  /// The indices of the images in the data set.
  public let indices: [Int]

  /// Creates a batch from parts of the same length; usually ``BatchSource`` does this.
  public init(
    images: Tensor, labels: [Int], targets: [[Target]], objects: [[Sample.Object]], rgbImages: [RGBImage],
    indices: [Int]
  ) {
    (self.images, self.labels, self.targets, self.objects) = (images, labels, targets, objects)
    (self.rgbImages, self.indices) = (rgbImages, indices)
  }
}

/// Makes batches from a data set. Which images a training step sees, and how they are augmented, depends only on the
/// seed and the step, not on the number of threads or on interruptions of the run.
public struct BatchSource: Sendable {
  /// The data set.
  public let dataset: any Dataset
  /// The normalization of pixels.
  public let normalization: Normalization
  /// The resizing and cropping to the network's input size.
  public let resizeCrop: ResizeCrop
  /// The augmentations of training images, in order.
  public let augmentation: [any Augmentation]
  /// The ways of mixing images; one of them is drawn for each training batch. Empty for no mixing.
  public let mixing: [any Mixing]
  /// The number of images in a training batch.
  public let size: Int
  /// The floating-point type of the images.
  public let precision: ScalarType
  /// The seed of the order, the augmentations and the mixing.
  public let seed: UInt64
  /// Whether a broken image is an error, or is skipped and counted.
  public let brokenImages: BrokenImages
  /// The images that were skipped so far.
  public let skipped = SkippedImages()
  /// The part of each training batch that this source makes.
  public let shard: Shard
  /// Whether training batches have the objects of their images, moved along by the augmentations.
  public let readsObjects: Bool
  private let cache: SampleCache?
  private let orders = EpochOrders()

  /// The smallest allowed height and width of images in pixels.
  public let smallestSide: Int

  /// Creates a source of batches.
  ///
  /// - Parameters:
  ///   - dataset: the data set.
  ///   - size: the number of images in a training batch.
  ///   - normalization: the normalization of pixels.
  ///   - resizeCrop: the resizing and cropping to the network's input size.
  ///   - augmentation: the augmentations of training images, in order.
  ///   - mixing: the ways of mixing images; one of them is drawn for each training batch.
  ///   - seed: the seed of the order, the augmentations and the mixing.
  ///   - smallestSide: the smallest allowed height and width of images in pixels.
  ///   - brokenImages: whether a broken image is an error, or is skipped and counted.
  ///   - cacheLimit: the largest number of bytes of decoded images that are kept in memory; nil for no cache.
  ///   - precision: the floating-point type of the images.
  ///   - shard: the part of each training batch to make.
  ///   - readsObjects: whether training batches have the objects of their images. It needs augmentations that
  ///     keep objects in place, and no mixing.
  public init(
    _ dataset: any Dataset, size: Int, normalization: Normalization, resizeCrop: ResizeCrop = ResizeCrop(),
    augmentation: [any Augmentation] = [], mixing: [any Mixing] = [], seed: UInt64 = 0, smallestSide: Int = 1,
    brokenImages: BrokenImages = .stop, cacheLimit: Int? = nil, precision: ScalarType = .float32,
    shard: Shard = .whole, readsObjects: Bool = false
  ) {
    precondition(shard.count <= size, "BatchSource: \(shard.count) parts of \(size) images")
    precondition(
      !readsObjects || (mixing.isEmpty && augmentation.allSatisfy(\.keepsObjectsInPlace)),
      "BatchSource: objects cannot be moved along with the mixing or an augmentation")
    self.readsObjects = readsObjects
    (self.shard, cache) = (shard, cacheLimit.map { SampleCache(limit: $0) })
    (self.dataset, self.size, self.normalization, self.resizeCrop) = (dataset, size, normalization, resizeCrop)
    (self.augmentation, self.mixing, self.seed, self.smallestSide) = (augmentation, mixing, seed, smallestSide)
    (self.brokenImages, self.precision) = (brokenImages, precision)
  }

  /// The number of batches in an epoch; the images of an incomplete last batch are not used.
  public var batchesPerEpoch: Int { dataset.count / size }

  /// The order of the samples in an epoch, a permutation of the indices.
  public func order(epoch: Int) -> [Int] {
    orders.order(epoch) {
      var random = RandomSource(seed: seed, purpose: "order", epoch)
      return Array(0..<dataset.count).shuffled(using: &random)
    }
  }

  /// The augmented batch of a training step. The data set must hold at least one batch.
  public func batch(step: Int) throws -> Batch {
    let (epoch, position) = (step / batchesPerEpoch, step % batchesPerEpoch)
    let part = shard.range(of: size)
    var mixingRandom = RandomSource(seed: seed, purpose: "mixing", step)
    let mixing = mixing.randomElement(using: &mixingRandom)
    let all = Array(order(epoch: epoch)[(position * size)..<((position + 1) * size)])
    // Each image is mixed with the one before it in the whole batch, and the first one with the last.
    let before = mixing == nil ? [] : [all[(part.lowerBound + size - 1) % size]]
    let indices = before + all[part]
    let background = normalization.mean.map { UInt8(clamping: Int(($0 * 255).rounded())) }
    var read = try samples(indices) { index in
      let form = SampleCache.Form(
        isResized: !augmentation.contains(where: \.setsSize), hasObjects: readsObjects)
      var random = RandomSource(seed: seed, purpose: "augmentation", epoch, index)
      return augmentation.reduce(try self.read(index, form)) { $1($0, background: background, using: &random) }
    }
    // If the image before the first one was left out because it is broken, the last one takes its place.
    if let before = before.first, let last = read.last, read.first?.index != before { read.insert(last, at: 0) }
    let batch = try collate(read)
    guard let mixing else { return batch }
    return mixing(batch, using: &mixingRandom)
  }

  /// The images at `indices`, resized and cropped but not augmented.
  public func batch(_ indices: [Int]) throws -> Batch {
    try collate(samples(indices) { try read($0, .evaluated) })
  }

  private func read(_ index: Int, _ form: SampleCache.Form) throws -> Sample {
    func read() throws -> Sample {
      // Most objectives do not use the objects of training images, so they are read only where one does.
      let sample = try form.hasObjects ? dataset.sample(at: index) : dataset.sampleWithoutObjects(at: index)
      return form.isResized ? try resizeCrop(sample) : sample
    }
    return try cache?.sample(index, form, read) ?? read()
  }

  /// The first image that can be read, resized and cropped; broken images before it are skipped if ``brokenImages``
  /// allows it. It is not normalized, because floating-point numbers would take more memory than pixels.
  public func first() throws -> Sample {
    var index = 0
    while true {
      do {
        let sample = try read(index, .evaluated)
        try requireSize(of: sample)
        return sample
      } catch let error as FileError {
        index += 1
        if brokenImages == .stop || index == dataset.count { throw error }
      }
    }
  }

  /// Reads the samples at `indices`. If broken images are to be skipped they are left out, as long as at least one
  /// sample is left.
  private func samples(_ indices: [Int], _ read: (Int) throws -> Sample) throws -> [(index: Int, sample: Sample)] {
    guard brokenImages == .skip else { return try indices.map { ($0, try read($0)) } }
    var first: FileError?
    var samples: [(index: Int, sample: Sample)] = []
    for index in indices {
      do { samples.append((index, try read(index))) } catch let error as FileError {
        first = first ?? error
        skipped.add(error)
      }
    }
    if samples.isEmpty, let first { throw first }
    return samples
  }

  private func requireSize(of sample: Sample) throws {
    guard min(sample.image.width, sample.image.height) < smallestSide else { return }
    throw FileError(
      .malformed, sample.source,
      "\(sample.image.width)×\(sample.image.height) pixels, but the network needs at least "
        + "\(smallestSide)×\(smallestSide)")
  }

  private func collate(_ samples: [(index: Int, sample: Sample)]) throws -> Batch {
    let (indices, samples) = (samples.map(\.index), samples.map(\.sample))
    for sample in samples { try requireSize(of: sample) }
    for sample in samples.dropFirst() {
      let (own, first) = (sample.image, samples[0].image)
      guard own.width == first.width && own.height == first.height else {
        throw FileError(
          .malformed, sample.source,
          "\(own.width)×\(own.height) pixels, where \(first.width)×\(first.height) as in \(samples[0].source) are expected"
        )
      }
    }
    let images = samples.map(\.image)
    return Batch(
      images: normalization(images, precision), labels: samples.map(\.label),
      targets: samples.map { $0.labels.map { Target($0) } }, objects: samples.map(\.objects), rgbImages: images,
      indices: indices)
  }
}

/// Caches the orders of the most recent epochs, since every batch needs the order of its epoch. It keeps two epochs
/// because threads can be in both at an epoch's end.
private final class EpochOrders: Sendable {
  private let kept = Mutex<[Int: [Int]]>([:])

  /// The order of an epoch, made by `make` unless it is cached.
  func order(_ epoch: Int, _ make: () -> [Int]) -> [Int] {
    kept.withLock { kept in
      if let order = kept[epoch] { return order }
      let order = make()
      kept = kept.filter { abs($0.key - epoch) == 1 }
      kept[epoch] = order
      return order
    }
  }
}
