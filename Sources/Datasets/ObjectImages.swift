import Foundation
import Formats

/// A data set of images with annotated objects of several classes in each, such as VOC and COCO.
public struct ObjectImages: Dataset {
  /// The meaning of a sample.
  public enum Samples: String, Sendable, CaseIterable {
    /// One sample for each class in an image, as the pointing game needs.
    case classes
    /// One sample for each image; its label is the class of the largest object.
    case images
  }

  /// One annotated image.
  struct Entry: Sendable {
    var path: String
    /// The size of the annotated image; nil if it is not stated.
    var size: PixelSize?
    /// Its classes, including those of objects that are left out because their boxes and outlines are unusable.
    var labels: Set<Int> = []
    var objects: [Object] = []
  }

  /// One object, in pixel coordinates of the annotated image.
  struct Object: Sendable {
    var label: Int
    /// The left, upper, right and lower edges of the box.
    var box: [Double]
    var outline: Outline?
    /// The name of the object in messages.
    var name: String

    var area: Double { (box[2] - box[0]) * (box[3] - box[1]) }
  }

  public let classNames: [String]
  public let remarks: Remarks
  private let entries: [Entry]
  /// The image and the class of each sample.
  private let samples: [(entry: Int, label: Int)]

  /// A data set of these images; those without a class are left out.
  init(_ entries: [Entry], classNames: [String], samples kind: Samples, remarks: Remarks) {
    (self.entries, self.classNames, self.remarks) = (entries, classNames, remarks)
    samples = entries.enumerated().flatMap { index, entry -> [(Int, Int)] in
      switch kind {
      case .classes: return entry.labels.sorted().map { (index, $0) }
      case .images:
        let label = entry.objects.max { $0.area < $1.area }?.label ?? entry.labels.min()
        return label.map { [(index, $0)] } ?? []
      }
    }
    for entry in entries where entry.labels.isEmpty { remarks.add("images without objects, left out", entry.path) }
  }

  public var count: Int { samples.count }

  public func sample(at index: Int) throws -> Sample {
    let entry = entries[samples[index].entry]
    let file = try remarks.image(entry.path)
    var sample = sample(at: index, file)
    guard !entry.objects.isEmpty else { return sample }
    let placement = try Placement(drawnOn: entry.size, file, entry.path)
    if placement.isUncertain { remarks.add(Reasons.uncertain, entry.path) }
    sample.objects = try entry.objects.compactMap { object in
      // The mask of a very thin outline can be empty because it contains no pixel center.
      let mask = try object.outline?.mask(placement, file, entry.path).nonEmpty
      func inside(_ box: [Double]) -> Sample.Object? {
        Sample.Object(label: object.label, box: placement.box(box), in: placement.size, mask: mask)
      }
      // If the box lies outside the image, the bounds of the outline may still be inside.
      let placed = inside(object.box) ?? (mask == nil ? nil : object.outline?.bounds.flatMap(inside))
      if placed == nil { remarks.add(Reasons.outside, object.name) }
      return placed
    }
    return sample
  }

  public func sampleWithoutObjects(at index: Int) throws -> Sample {
    sample(at: index, try remarks.image(entries[samples[index].entry].path))
  }

  private func sample(at index: Int, _ file: ImageFile) -> Sample {
    let (entry, label) = (entries[samples[index].entry], samples[index].label)
    return Sample(image: file.image, label: label, labels: entry.labels.sorted(), source: entry.path)
  }
}

/// The remarks about unusable annotations; see ``Remarks``. The image keeps the class of such an object.
enum Reasons {
  static let outside = "objects outside their image, left out"
  static let empty = "objects without a box or an outline that hold anything, left out"
  static let uncertain =
    "images turned upright whose sizes do not tell whether their boxes must be: taken as drawn upright"
}

extension ObjectImages.Entry {
  /// Adds an object by its box or, if the box is missing or empty, by its outline; objects outside the image are left
  /// out with a remark. A box holds the left, upper, right and lower edges. `name` is the object's name in messages.
  mutating func add(label: Int, box: [Double]?, outline: Outline?, name: String, _ remarks: Remarks) {
    labels.insert(label)
    func isUsed(_ box: [Double]) -> Bool { box[0] < box[2] && box[1] < box[3] }
    func isInside(_ box: [Double]) -> Bool {
      guard let size else { return true }
      return box[0] < Double(size.width) && box[1] < Double(size.height) && box[2] > 0 && box[3] > 0
    }
    // The bounds of an outline take time to compute, and usually there is a box.
    if let box, isUsed(box), isInside(box) {
      objects.append(.init(label: label, box: box, outline: outline, name: name))
      return
    }
    let bounds = outline?.bounds
    guard let found = bounds ?? box, isUsed(found) else { return remarks.add(Reasons.empty, name) }
    guard isInside(found) else { return remarks.add(Reasons.outside, name) }
    objects.append(.init(label: label, box: found, outline: outline, name: name))
  }
}
