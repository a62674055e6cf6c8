import Formats
import Tensors

/// Images that go through a network together.
public struct Batch: Sendable {
  /// [N, H, W, 3], normalized.
  public let images: Tensor
  /// The images' classes.
  public let labels: [Int]
  /// What is known to be in each image; of augmented images nothing is.
  public let objects: [[Sample.Object]]
  /// The images before normalization.
  public let pictures: [Picture]
  /// Their places in the data set.
  public let indices: [Int]

  /// What a ``BatchSource`` makes, from parts that fit each other.
  public init(
    images: Tensor, labels: [Int], objects: [[Sample.Object]], pictures: [Picture], indices: [Int]
  ) {
    (self.images, self.labels, self.objects) = (images, labels, objects)
    (self.pictures, self.indices) = (pictures, indices)
  }
}

/// Batches out of a data set. Which images a training step sees, and how they are augmented, depends on the seed and the
/// step alone: not on how many threads read them, nor on where a run was interrupted.
public struct BatchSource: Sendable {
  /// Where the images come from.
  public let dataset: any Dataset
  /// How pixels become a network's input.
  public let normalization: Normalization
  /// Changes of training images, in order.
  public let augmentation: [Augmentation]
  /// Images in a training batch.
  public let size: Int
  /// What order and augmentation are drawn from.
  public let seed: UInt64

  /// The least height and width in pixels that images must have.
  public let smallestSide: Int

  /// Batches of `size` images.
  public init(
    _ dataset: any Dataset, size: Int, normalization: Normalization, augmentation: [Augmentation] = [],
    seed: UInt64 = 0, smallestSide: Int = 1
  ) {
    (self.dataset, self.size, self.normalization) = (dataset, size, normalization)
    (self.augmentation, self.seed, self.smallestSide) = (augmentation, seed, smallestSide)
  }

  /// Batches in an epoch; what is left over is not used in it.
  public var batchesPerEpoch: Int { dataset.count / size }

  /// The order of the data set in an epoch: a permutation.
  public func order(epoch: Int) -> [Int] {
    var random = RandomSource(seed: seed, purpose: "order", epoch)
    return Array(0..<dataset.count).shuffled(using: &random)
  }

  /// The batch of a training step, augmented. The data set holds at least one batch.
  public func batch(step: Int) throws -> Batch {
    let (epoch, position) = (step / batchesPerEpoch, step % batchesPerEpoch)
    let indices = Array(order(epoch: epoch)[(position * size)..<((position + 1) * size)])
    return try batch(indices, isChanged: true) { picture, index in
      var random = RandomSource(seed: seed, purpose: "augmentation", epoch, index)
      return augmentation.reduce(picture) { $1($0, using: &random) }
    }
  }

  /// The images at `indices` as they are.
  public func batch(_ indices: [Int]) throws -> Batch {
    try batch(indices, isChanged: false) { picture, _ in picture }
  }

  private func batch(_ indices: [Int], isChanged: Bool, _ change: (Picture, Int) -> Picture) throws -> Batch {
    let samples = try indices.map { try dataset.sample(at: $0) }
    for sample in samples where min(sample.picture.width, sample.picture.height) < smallestSide {
      throw FileError(
        .malformed, sample.source,
        "\(sample.picture.width)×\(sample.picture.height) pixels, but the network needs at least "
          + "\(smallestSide)×\(smallestSide)")
    }
    for sample in samples.dropFirst() {
      let (own, first) = (sample.picture, samples[0].picture)
      guard own.width == first.width && own.height == first.height else {
        throw FileError(
          .malformed, sample.source,
          "\(own.width)×\(own.height) pixels, where \(first.width)×\(first.height) as in \(samples[0].source) are expected"
        )
      }
    }
    let pictures = zip(samples, indices).map { change($0.picture, $1) }
    return Batch(
      images: normalization(pictures), labels: samples.map(\.label),
      objects: samples.map { isChanged ? [] : $0.objects }, pictures: pictures, indices: indices)
  }
}
