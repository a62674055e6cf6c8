import Components
import Foundation
import Formats
import Tensors

/// A generated data set: scenes with two or more objects of different classes on cluttered backgrounds, with boxes and
/// masks. Each scene depends only on the seed and its index, so the data set needs no download and is the same on every
/// machine.
///
/// The label is the class of the largest object, which has at least twice the area of any other. Colors, textures,
/// positions, sizes and angles have the same distribution for all classes, so a network has to learn shapes.
public struct Scenes: Dataset, DatasetSource, Equatable {
  public let name = "scenes"
  /// The number of scenes.
  public private(set) var count: Int
  /// The side of the square images in pixels.
  public private(set) var size: Int
  /// The number of classes, which are the first of ``shapes``.
  public private(set) var classes: Int
  /// The number of objects in each scene.
  public private(set) var objects: Int
  /// The random seed.
  public private(set) var seed: UInt64

  /// The names of all available classes.
  public static let shapes = Shape.allCases.map(\.rawValue)

  /// A data set of scenes; by default 1000 scenes with two objects each.
  ///
  /// - Parameters:
  ///   - count: the number of scenes.
  ///   - size: the side of the square images in pixels.
  ///   - classes: the number of classes, which are the first of ``shapes``.
  ///   - objects: the number of objects in each scene, from 2 to 4.
  ///   - seed: the random seed.
  public init(count: Int = 1000, size: Int = 32, classes: Int = shapes.count, objects: Int = 2, seed: UInt64 = 0) {
    precondition((2...Self.shapes.count).contains(classes) && (2...min(4, classes)).contains(objects) && size >= 16)
    (self.count, self.size, self.classes, self.objects, self.seed) = (count, size, classes, objects, seed)
  }

  public mutating func visit(_ keys: Keys) {
    var seed = Int(clamping: self.seed)
    keys("count", &count, .integer(1...10_000_000, "the order of an epoch is kept in memory"))
    keys("size", &size, .integer(16...1024))
    keys("classes", &classes, .integer(2...Self.shapes.count))
    keys("objects", &objects, .integer(2...4))
    keys("seed", &seed, .integer(0...(.max)))
    if objects > classes { keys.refuse("objects", "\(objects) objects of different classes need as many classes") }
    self.seed = UInt64(seed)
  }

  public func dataset() -> any Dataset { self }

  public var classNames: [String] { Array(Self.shapes.prefix(classes)) }

  public func sample(at index: Int) -> Sample {
    var random = RandomSource(seed: seed, purpose: "scene", index)
    var canvas = Canvas(size: size)
    let ground = canvas.paintBackground(&random)
    let classNames = classNames
    let classes = Array(classNames.indices).shuffled(using: &random).prefix(objects)
    var placed: [(x: Double, y: Double, radius: Double)] = []
    var found: [Sample.Object] = []
    for (rank, label) in classes.enumerated() {
      guard let shape = Shape(rawValue: classNames[label]) else { continue }
      let scale = rank == 0 ? 0.25 + 0.07 * random.uniform() : 0.13 + 0.035 * random.uniform()
      let radius = scale * Double(size)
      // The object is placed where it is completely visible and covers no other object; after many failed tries, as far
      // from the others as possible.
      func place() -> (x: Double, y: Double, radius: Double) {
        let span = Double(size) - 2 * radius
        return (radius + span * random.uniform(), radius + span * random.uniform(), radius)
      }
      func gap(_ spot: (x: Double, y: Double, radius: Double)) -> Double {
        placed.map { hypot($0.x - spot.x, $0.y - spot.y) - $0.radius - radius }.min() ?? .infinity
      }
      let spots = (0..<60).map { _ in place() }
      guard let spot = spots.first(where: { gap($0) > 0 }) ?? spots.max(by: { gap($0) < gap($1) }) else { continue }
      placed.append(spot)
      let mask = canvas.paint(shape, at: (spot.x, spot.y), radius: radius, avoiding: ground, &random)
      if let object = Self.object(label, mask, size: size) { found.append(object) }
    }
    canvas.addNoise(&random)
    return Sample(image: canvas.image, label: classes[0], objects: found, source: "scene \(index)")
  }

  private static func object(_ label: Int, _ mask: [Bool], size: Int) -> Sample.Object? {
    let covered = mask.indices.filter { mask[$0] }
    let (xs, ys) = (covered.map { $0 % size }, covered.map { $0 / size })
    guard let left = xs.min(), let right = xs.max(), let top = ys.min(), let bottom = ys.max() else { return nil }
    return Sample.Object(label: label, columns: left..<(right + 1), rows: top..<(bottom + 1), mask: mask)
  }
}
