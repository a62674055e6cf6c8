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
    var objects: [Object]
  }

  /// One object, in the image's pixels.
  struct Object: Sendable {
    var label: Int
    /// Left, upper, right and lower edge.
    var box: [Double]
    var outline: Outline?

    var area: Double { (box[2] - box[0]) * (box[3] - box[1]) }
  }

  public let classNames: [String]
  private let entries: [Entry]
  /// Which image, about which class.
  private let samples: [(entry: Int, label: Int)]

  /// Images without objects are left out.
  init(_ entries: [Entry], classNames: [String], samples kind: Samples) {
    (self.entries, self.classNames) = (entries, classNames)
    samples = entries.enumerated().flatMap { index, entry -> [(Int, Int)] in
      switch kind {
      case .classes: return Set(entry.objects.map(\.label)).sorted().map { (index, $0) }
      case .images: return entry.objects.max { $0.area < $1.area }.map { [(index, $0.label)] } ?? []
      }
    }
  }

  public var count: Int { samples.count }

  public func sample(at index: Int) throws -> Sample {
    var sample = try sampleWithoutObjects(at: index)
    let (entry, picture) = (entries[samples[index].entry], sample.picture)
    sample.objects = try entry.objects.map { object in
      let mask = try object.outline?.mask(width: picture.width, height: picture.height, of: entry.path)
      return Sample.Object(label: object.label, box: object.box, in: picture, mask: mask)
    }
    return sample
  }

  public func sampleWithoutObjects(at index: Int) throws -> Sample {
    let (entry, label) = (entries[samples[index].entry], samples[index].label)
    return Sample(
      picture: try Picture(contentsOf: entry.path), label: label, labels: Set(entry.objects.map(\.label)).sorted(),
      source: entry.path)
  }
}
