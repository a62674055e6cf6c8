import Foundation
import Formats

/// Photographs with objects of several classes in each, as VOC and COCO have them.
public struct ObjectImages: Dataset {
  /// What a sample is.
  public enum Samples: String, Sendable, CaseIterable {
    /// An image and one of the classes in it: as many samples of an image as it has classes, each about one of them. The
    /// pointing game is played so.
    case classes
    /// An image, about the class of its largest object.
    case images
  }

  /// One image, as annotations tell.
  struct Entry: Sendable {
    var path: String
    /// The size of the image that was annotated; nil where that is not stated.
    var size: PixelSize?
    /// Its classes, also of objects that are left out since nothing of them is known to be in the image.
    var labels: Set<Int> = []
    var objects: [Object] = []
  }

  /// One object, in the pixels of the image that was annotated.
  struct Object: Sendable {
    var label: Int
    /// Left, upper, right and lower edge.
    var box: [Double]
    var outline: Outline?
    /// What messages call it.
    var name: String

    var area: Double { (box[2] - box[0]) * (box[3] - box[1]) }
  }

  public let classNames: [String]
  public let remarks: Remarks
  private let entries: [Entry]
  /// Which image, about which class.
  private let samples: [(entry: Int, label: Int)]

  /// Images without a class are left out.
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
      // An outline may be so thin that it holds no pixel's centre.
      let mask = try object.outline?.mask(placement, file, entry.path).nonEmpty
      func inside(_ box: [Double]) -> Sample.Object? {
        Sample.Object(label: object.label, box: placement.box(box), in: placement.size, mask: mask)
      }
      // A box may lie outside where what was outlined does not.
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

/// What becomes of annotations that are no use, in words; see ``Remarks``. Their image keeps its class.
enum Reasons {
  static let outside = "objects outside their image, left out"
  static let empty = "objects without a box or an outline that hold anything, left out"
  static let uncertain =
    "images turned upright whose sizes do not tell whether their boxes must be: taken as drawn upright"
}

extension ObjectImages.Entry {
  /// Adds an object by its box, or by its outline where the box holds nothing; what cannot be in the image is left out. A box
  /// is its left, upper, right and lower edge; nil if there is none. Messages call the object by `name`.
  mutating func add(label: Int, box: [Double]?, outline: Outline?, name: String, _ remarks: Remarks) {
    labels.insert(label)
    func isUsed(_ box: [Double]) -> Bool { box[0] < box[2] && box[1] < box[3] }
    func isInside(_ box: [Double]) -> Bool {
      guard let size else { return true }
      return box[0] < Double(size.width) && box[1] < Double(size.height) && box[2] > 0 && box[3] > 0
    }
    // Bounds of outlines take time to find, and mostly there is a box.
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
