import Saliency
import Tensors

/// Composes new images of those of a batch, for objectives that look at such images instead of at the batch's own: mosaics,
/// images pasted onto others, pairs of augmented views. Objectives whose compositions are equal share the images and the passes.
public protocol ImageComposition: Hashable, Sendable {
  /// The number of pixels of a composed image, relative to an image of the batch; used to estimate memory.
  var pixels: Double { get }

  /// The number of images that it composes of a batch of so many.
  func count(of batch: Int) -> Int

  /// Composes the images.
  ///
  /// - Parameter batch: the batch of a training step, or its shard.
  /// - Returns: at least one image, with labels, soft targets, random numbers and, where it is known, what each image shows where.
  ///   The images are a function of the batch and its random numbers alone.
  func callAsFunction(_ batch: MetaStep.Batch) -> MetaStep.Batch
}

extension MetaStep.Batch {
  /// An object of a known class in an image of a batch.
  public struct Object: Sendable {
    /// The object's class.
    public let label: Int
    /// The pixels that it covers.
    public let region: Region

    /// Creates an object.
    public init(label: Int, region: Region) { (self.label, self.region) = (label, region) }
  }

  /// The distinct classes of the objects of an image, in the order in which they first occur.
  func classes(ofImage index: Int) -> [Int] {
    var seen = Set<Int>()
    return objects[index].map(\.label).filter { seen.insert($0).inserted }
  }
}

/// Which of an image's objects count: those of its label, or all.
public enum ObjectScope: String, Sendable, CaseIterable { case label, all }

/// Where the objects come from that several maps compete for: mosaics of the batch's images, or the annotated objects of the
/// batch's own images.
public enum ObjectSource: String, Sendable, CaseIterable { case mosaics, objects }

/// The classes of the objects in some images of a batch, and where each class lies. Every image has the same number of slots; slots
/// that an image has no class for repeat its first class and do not count.
struct ObjectClasses: Sendable {
  /// The class of each image, slot by slot.
  let classes: [[Int]]
  /// Whether a slot counts, for each image, slot by slot.
  let counts: [[Bool]]
  private let regions: [[Region?]]

  /// - Parameters:
  ///   - images: images of a batch with objects. The number of slots is that of the whole batch.
  ///   - scope: which objects count.
  ///   - least: no class of an image counts if there are fewer.
  init(_ images: ObjectiveImages, _ scope: ObjectScope = .all, atLeast least: Int = 1) {
    let batch = images.batch
    let all = batch.objects.indices.map { index in
      let classes = batch.classes(ofImage: index).filter { scope == .all || $0 == batch.labels[index] }
      return classes.count < least ? [] : classes
    }
    let slots = max(1, all.map(\.count).max() ?? 0)
    let own = images.range.map { all[$0] }
    classes = (0..<slots).map { slot in
      zip(images.range, own).map { $1.indices.contains(slot) ? $1[slot] : $1.first ?? batch.labels[$0] }
    }
    counts = (0..<slots).map { slot in own.map { $0.indices.contains(slot) } }
    regions = (0..<slots).map { slot in
      zip(images.range, own).map { index, classes in
        guard classes.indices.contains(slot) else { return nil }
        let regions = batch.objects[index].filter { $0.label == classes[slot] }.map(\.region)
        return regions.dropFirst().reduce(regions.first) { $0?.union($1) }
      }
    }
  }

  /// How much of each location of a map the objects of a slot's class cover, [N, h, w], by averages over the pixels of a location.
  func cover(_ slot: Int, height: Int, width: Int, _ type: ScalarType) -> Tensor {
    .concatenated(
      regions[slot].map { region in
        guard let region else { return .zeros([1, height, width], type) }
        let mask = Tensor(region.covers.map { $0 ? 1.0 : 0 }, shape: [1, region.height, region.width, 1])
        return mask.adaptivelyAveragePooled(height: height, width: width).reshaped([1, height, width]).converted(
          to: type)
      }, axis: 0)
  }

  /// 1 for each image in which the slot counts, else 0: [N, 1, 1].
  func active(_ slot: Int, _ type: ScalarType) -> Tensor {
    Tensor(counts[slot].map { $0 ? 1.0 : 0 }, shape: [counts[slot].count, 1, 1]).converted(to: type)
  }
}

extension ObjectClasses {
  /// The number of slots that count for each image, [N]; 1 for an image without any, so that it may divide.
  func number(map: Tensor) -> Tensor {
    Tensor((0..<counts[0].count).map { image in Double(max(1, counts.count { $0[image] })) }, shape: [counts[0].count])
      .converted(to: map.scalarType)
  }

  /// 1 for each pixel outside of all objects that count, else 0, [N, height, width, 1] for images of this size. It is 0
  /// everywhere in an image without such objects.
  func outside(height: Int, width: Int, _ type: ScalarType) -> Tensor {
    .concatenated(
      counts[0].indices.map { image in
        let own = regions.compactMap { $0[image] }
        let union = own.dropFirst().reduce(own.first) { $0?.union($1) }
        guard let union else { return .zeros([1, height, width, 1], type) }
        return Tensor(union.covers.map { $0 ? 0.0 : 1 }, shape: [1, height, width, 1]).converted(to: type)
      }, axis: 0)
  }
}

extension ObjectiveImages {
  /// Terms made of the maps of some classes of each image, one for each of the weights. The value is the mean over the weights.
  ///
  /// - Parameters:
  ///   - weights: the weights at which maps are made; at virtual weights each map is made after the update towards its own class.
  ///   - classes: the class of each image, slot by slot.
  ///   - value: makes [N] of the maps, [N, h, w] each, by layer and slot.
  /// - Returns: the terms.
  func terms(
    at weights: [MapWeights], of classes: [[Int]], value: @escaping @Sendable ([[Tensor]]) -> Tensor
  ) -> [ObjectiveTerm] {
    let maps = maps
    return weights.map { kind in
      let passes = classes.map { PassRequest(kind == .plain ? .plain : .virtual(towards: $0), layers: maps.layers) }
      return ObjectiveTerm(passes) { passes in
        let slots = zip(classes, passes).map { $1.maps(maps.method, of: $0, at: maps.layers, createGraph: true) }
        return value(maps.layers.indices.map { layer in slots.map { $0[layer] } }) / Double(weights.count)
      }
    }
  }
}

extension [Tensor] {
  /// The sum of at least one tensor of equal shapes.
  var sum: Tensor { dropFirst().reduce(self[0]) { $0 + $1 } }
  /// The mean of at least one tensor of equal shapes.
  var mean: Tensor { count == 1 ? self[0] : sum / Double(count) }
}
