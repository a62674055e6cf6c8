import Formats
import Synchronization
import Tensors

/// Images that go through a network together.
public struct Batch: Sendable {
  /// [N, H, W, 3], normalized.
  public let images: Tensor
  /// The images' classes; of an image with several, the one that it stands for.
  public let labels: [Int]
  /// Every class in each image with its share: 1, unless images are mixed.
  public let targets: [[Target]]
  /// What is known to be in each image; of augmented images nothing is.
  public let objects: [[Sample.Object]]
  /// The images before normalization and mixing.
  public let rgbImages: [RGBImage]
  /// Their places in the data set.
  public let indices: [Int]

  /// What a ``BatchSource`` makes, from parts that fit each other.
  public init(
    images: Tensor, labels: [Int], targets: [[Target]], objects: [[Sample.Object]], rgbImages: [RGBImage],
    indices: [Int]
  ) {
    (self.images, self.labels, self.targets, self.objects) = (images, labels, targets, objects)
    (self.rgbImages, self.indices) = (rgbImages, indices)
  }
}

/// Batches out of a data set. Which images a training step sees, and how they are augmented, depends on the seed and the
/// step alone: not on how many threads read them, nor on where a run was interrupted.
public struct BatchSource: Sendable {
  /// Where the images come from.
  public let dataset: any Dataset
  /// How pixels become a network's input.
  public let normalization: Normalization
  /// How images come to the network's size.
  public let resizeCrop: ResizeCrop
  /// Changes of training images, in order.
  public let augmentation: [any Augmentation]
  /// One of these, drawn for each training batch, mixes its images; none if empty.
  public let mixing: [any Mixing]
  /// Images in a training batch.
  public let size: Int
  /// What the images' numbers are.
  public let precision: ScalarType
  /// What order and augmentation are drawn from.
  public let seed: UInt64
  /// Whether a broken image is an error, or counted and passed over.
  public let brokenImages: BrokenImages
  /// Images passed over so far.
  public let skipped = SkippedImages()
  /// The part of each training batch that is made here.
  public let shard: Shard
  private let cache: SampleCache?
  private let orders = EpochOrders()

  /// The least height and width in pixels that images must have.
  public let smallestSide: Int

  /// Batches of `size` images.
  ///
  /// - Parameters:
  ///   - dataset: where the images come from.
  ///   - size: images in a training batch.
  ///   - normalization: how pixels become a network's input.
  ///   - resizeCrop: how images come to the network's size.
  ///   - augmentation: changes of training images, in order.
  ///   - mixing: one of these, drawn for each training batch, mixes its images.
  ///   - seed: what order, augmentation and mixing are drawn from.
  ///   - smallestSide: the least height and width in pixels that images must have.
  ///   - brokenImages: whether a broken image is an error, or counted and passed over.
  ///   - cacheLimit: bytes of images that are kept in memory once they were read; nil for none.
  ///   - precision: what the images' numbers are.
  ///   - shard: the part of each training batch to make. Images are mixed with those of the same part.
  public init(
    _ dataset: any Dataset, size: Int, normalization: Normalization, resizeCrop: ResizeCrop = ResizeCrop(),
    augmentation: [any Augmentation] = [], mixing: [any Mixing] = [], seed: UInt64 = 0, smallestSide: Int = 1,
    brokenImages: BrokenImages = .stop, cacheLimit: Int? = nil, precision: ScalarType = .float32,
    shard: Shard = .whole
  ) {
    precondition(shard.count <= size, "BatchSource: \(shard.count) parts of \(size) images")
    (self.shard, cache) = (shard, cacheLimit.map { SampleCache(limit: $0) })
    (self.dataset, self.size, self.normalization, self.resizeCrop) = (dataset, size, normalization, resizeCrop)
    (self.augmentation, self.mixing, self.seed, self.smallestSide) = (augmentation, mixing, seed, smallestSide)
    (self.brokenImages, self.precision) = (brokenImages, precision)
  }

  /// Batches in an epoch; what is left over is not used in it.
  public var batchesPerEpoch: Int { dataset.count / size }

  /// The order of the data set in an epoch: a permutation.
  public func order(epoch: Int) -> [Int] {
    orders.order(epoch) {
      var random = RandomSource(seed: seed, purpose: "order", epoch)
      return Array(0..<dataset.count).shuffled(using: &random)
    }
  }

  /// The batch of a training step, augmented. The data set holds at least one batch.
  public func batch(step: Int) throws -> Batch {
    let (epoch, position) = (step / batchesPerEpoch, step % batchesPerEpoch)
    let part = shard.range(of: size)
    let indices = Array(order(epoch: epoch)[(position * size + part.lowerBound)..<(position * size + part.upperBound)])
    let background = normalization.mean.map { UInt8(clamping: Int(($0 * 255).rounded())) }
    let batch = try collate(
      samples(indices) { index in
        var sample = try read(index, augmentation.contains(where: \.setsSize) ? .bare : .resized)
        var random = RandomSource(seed: seed, purpose: "augmentation", epoch, index)
        sample.image = augmentation.reduce(sample.image) { $1($0, background: background, using: &random) }
        return sample
      })
    var random = RandomSource(seed: seed, purpose: "mixing", step)
    return mixing.randomElement(using: &random).map { $0(batch, using: &random) } ?? batch
  }

  /// The images at `indices`, resized and cropped.
  public func batch(_ indices: [Int]) throws -> Batch {
    try collate(samples(indices) { try read($0, .resizedWithObjects) })
  }

  private func read(_ index: Int, _ form: SampleCache.Form) throws -> Sample {
    func read() throws -> Sample {
      // What changes an image's geometry would have to change its objects too, which training does not ask for.
      let sample =
        try form == .resizedWithObjects ? dataset.sample(at: index) : dataset.sampleWithoutObjects(at: index)
      return form == .bare ? sample : try resizeCrop(sample)
    }
    return try cache?.sample(index, form, read) ?? read()
  }

  /// The first image that can be read, resized and cropped; where broken ones are passed over, some of them may come before it. No batch is
  /// made of it, whose numbers take more memory than its pixels.
  public func first() throws -> Sample {
    var index = 0
    while true {
      do {
        let sample = try read(index, .resizedWithObjects)
        try requireSize(of: sample)
        return sample
      } catch let error as FileError {
        index += 1
        if brokenImages == .stop || index == dataset.count { throw error }
      }
    }
  }

  /// The samples at `indices`; broken ones are left out, if that is asked for and some are left.
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

/// The orders of the epochs that were asked for last, since every batch of an epoch asks for all of its order. Where an epoch
/// ends, threads are in two of them.
private final class EpochOrders: Sendable {
  private let kept = Mutex<[Int: [Int]]>([:])

  /// The order of an epoch, which `make` makes unless it is kept.
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
