import Components
import Foundation
import Formats

extension ObjectImages {
  /// Reads COCO's instance annotations (Lin et al. 2014; cocodataset.org/#format-data): categories, sorted by id,
  /// boxes, and outlines as polygons or run lengths. Crowd annotations, which are not single objects, and unusable
  /// annotations are left out; ``Remarks`` counts them.
  ///
  /// - Parameters:
  ///   - path: the JSON file.
  ///   - folder: the folder of the images.
  ///   - samples: whether an image gives one sample per class in it, or a single sample.
  /// - Returns: the data set.
  /// - Throws: a `FileError` if the file is not of this format, or contradicts itself.
  public static func coco(annotations path: String, images folder: String, samples: Samples = .classes) throws -> Self {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, message) }
    let file = try COCOFile.read(path)
    guard !file.categories.isEmpty, !file.images.isEmpty else { throw malformed("no categories, or no images in it") }
    let remarks = Remarks()

    // A category without a name still counts as a class; otherwise the indices of all later classes would change.
    let categories = file.categories.sorted { $0.id < $1.id }
    var labels: [COCOFile.Identifier: Int] = [:], names: [String] = []
    for category in categories {
      let name = category.name ?? category.id.description
      if category.name == nil {
        remarks.add("categories without a name that can be read, called by their numbers", "category \(category.id)")
      }
      if let label = labels[category.id] {
        guard names[label] == name else {
          throw malformed("category \(category.id) is both '\(names[label])' and '\(name)'")
        }
        continue
      }
      labels[category.id] = names.count
      names.append(name)
    }

    var entries: [Entry] = [], indices: [COCOFile.Identifier: Int] = [:]
    for (index, image) in file.images.enumerated() {
      guard let id = image.id, let name = image.file_name else {
        remarks.add("images without a number or a file name, left out", "entry \(index) of 'images'")
        continue
      }
      let entry = Entry(path: ImagePath.found(name, in: folder), size: image.size)
      if let other = indices[id] {
        guard entries[other].path == entry.path else {
          throw malformed("image \(id) is both '\(entries[other].path)' and '\(entry.path)'")
        }
        continue
      }
      indices[id] = entries.count
      entries.append(entry)
    }

    for (index, annotation) in file.annotations.enumerated() {
      let name = annotation.id.map { "annotation \($0)" } ?? "entry \(index) of 'annotations'"
      if annotation.isCrowd {
        remarks.add("crowds, left out", name)
      } else if let image = annotation.image_id.flatMap({ indices[$0] }) {
        if let label = annotation.category_id.flatMap({ labels[$0] }) {
          entries[image].add(
            label: label, box: annotation.box, outline: annotation.segmentation.outline(name, remarks), name: name,
            remarks)
        } else {
          remarks.add("annotations of no listed category, left out", name)
        }
      } else {
        remarks.add("annotations of no listed image, left out", name)
      }
    }
    guard entries.contains(where: { !$0.labels.isEmpty }) else {
      throw malformed((["no object in it is of use"] + remarks.texts).joined(separator: "; "))
    }
    return ObjectImages(entries, classNames: names, samples: samples, remarks: remarks)
  }
}

extension ObjectImages {
  /// COCO's annotations and images, as recipes state them.
  public struct COCO: DatasetSource, Equatable {
    public let name = "coco"
    /// The JSON file.
    public var annotations: String
    /// The folder of the images.
    public var images: String
    /// Whether an image gives one sample per class in it, or a single sample.
    public var samples: Samples

    /// A data set of an annotation file and a folder of images.
    public init(annotations: String = "", images: String = "", samples: Samples = .classes) {
      (self.annotations, self.images, self.samples) = (annotations, images, samples)
    }

    public mutating func visit(_ keys: Keys) {
      keys("annotations", &annotations, .inputPath, isRequired: true)
      keys("images", &images, .inputPath, isRequired: true)
      keys("samples", &samples, .choice())
    }

    public func dataset() throws -> any Dataset {
      try ObjectImages.coco(annotations: annotations, images: images, samples: samples)
    }
  }
}

/// Finds an image that an annotation or a list names.
enum ImagePath {
  /// The path of an image.
  ///
  /// - Parameters:
  ///   - name: the path relative to the folder.
  ///   - folder: the folder.
  /// - Returns: the path. If no file is there and the name has backslashes, as on Windows, they are replaced by
  ///   slashes.
  static func found(_ name: String, in folder: String) -> String {
    let path = Paths.joined(folder, name)
    guard name.contains("\\"), !FileManager.default.fileExists(atPath: path) else { return path }
    return Paths.joined(folder, name.replacing("\\", with: "/"))
  }
}
