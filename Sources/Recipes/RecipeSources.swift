import Components
import Datasets

extension Recipe {
  /// A folder of images for each class; see `ImageFolder`. A path alone stands for it without a list of classes.
  public struct FolderSettings: Sendable, Equatable, Section {
    /// The folder.
    public var path = ""
    /// A file with a line for each class of the network, among which the folders' names are words; nil for the folders alone.
    public var classes: String?

    public init() {}

    /// A folder whose classes are those that it has.
    public init(_ path: String) { self.path = path }

    public mutating func visit(_ keys: Keys) {
      keys("path", &path, .inputPath, isRequired: true)
      keys("classes", &classes, .optional(.inputPath))
    }
  }

  /// Images listed in a CSV file; see `CSVList`.
  public struct ListSettings: Sendable, Equatable, Section {
    /// The list.
    public var file = ""
    /// Where its paths begin; nil for the list's own folder.
    public var images: String?
    /// A file with a line for each class; nil for the labels that occur.
    public var classes: String?
    /// What its columns are called.
    public var columns = CSVList.Columns()

    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("file", &file, .inputPath, isRequired: true)
      keys("images", &images, .optional(.inputPath))
      keys("classes", &classes, .optional(.inputPath))
      keys("image_column", &columns.image, .word)
      keys("label_column", &columns.label, .word)
      keys("box_columns", &columns.box, .list(.word))
      if ![0, 4].contains(columns.box.count) {
        keys.refuse("box_columns", "expected four columns: of the left, upper, right and lower edge")
      }
    }
  }

  /// The generated set; see `Scenes`.
  public struct SceneSettings: Sendable, Equatable, Section {
    /// Number of scenes.
    public var count = 1000
    /// Side of the images in pixels.
    public var size = 32
    /// How many shapes take part.
    public var classes = Scenes.shapes.count
    /// Objects in each scene.
    public var objects = 2
    /// What the scenes are drawn from.
    public var seed = 0

    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("count", &count, .integer(1...10_000_000, "the order of an epoch is kept in memory"))
      keys("size", &size, .integer(16...1024))
      keys("classes", &classes, .integer(2...Scenes.shapes.count))
      keys("objects", &objects, .integer(2...4))
      keys("seed", &seed, .integer(0...(.max)))
      if objects > classes { keys.refuse("objects", "\(objects) objects of different classes need as many classes") }
    }
  }

  /// A PASCAL VOC tree; see `ObjectImages`.
  public struct VOCSettings: Sendable, Equatable, Section {
    /// The year's folder.
    public var folder = ""
    /// Which of its lists.
    public var split = "val"
    /// Whether an image is a sample for each of its classes or one alone.
    public var samples = ObjectImages.Samples.classes
    /// Whether objects count that are marked as difficult.
    public var includesDifficult = true
    /// A file with a line for each class; nil for VOC's twenty.
    public var classes: String?

    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("folder", &folder, .inputPath, isRequired: true)
      keys("split", &split, .word)
      keys("samples", &samples, .choice())
      keys("difficult", &includesDifficult, .boolean)
      keys("classes", &classes, .optional(.inputPath))
    }
  }

  /// COCO's annotations and images; see `ObjectImages`.
  public struct COCOSettings: Sendable, Equatable, Section {
    /// The JSON file.
    public var annotations = ""
    /// The folder of the images.
    public var images = ""
    /// Whether an image is a sample for each of its classes or one alone.
    public var samples = ObjectImages.Samples.classes

    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("annotations", &annotations, .inputPath, isRequired: true)
      keys("images", &images, .inputPath, isRequired: true)
      keys("samples", &samples, .choice())
    }
  }

  /// Images and labels as MNIST has them; see `IDXImages`.
  public struct IDXSettings: Sendable, Equatable, Section {
    /// The two files.
    public var images = ""
    public var labels = ""
    /// A file with a line for each class; nil for the labels' numbers.
    public var classes: String?

    public init() {}

    public mutating func visit(_ keys: Keys) {
      keys("images", &images, .inputPath, isRequired: true)
      keys("labels", &labels, .inputPath, isRequired: true)
      keys("classes", &classes, .optional(.inputPath))
    }
  }

  /// An HDF5 file of images; see `PackedImages`. A path alone stands for a file that `metasal pack` wrote.
  public struct PackedSettings: Sendable, Equatable, Section {
    /// The file.
    public var file = ""
    /// Names of its data sets.
    public var images = "images"
    public var labels = "labels"
    /// A file with a line for each class; nil for what the file says.
    public var classes: String?

    public init() {}

    /// A file as `metasal pack` writes it.
    public init(_ file: String) { self.file = file }

    public mutating func visit(_ keys: Keys) {
      keys("file", &file, .inputPath, isRequired: true)
      keys("images", &images, .word)
      keys("labels", &labels, .word)
      keys("classes", &classes, .optional(.inputPath))
    }
  }
}

extension Codec {
  /// A section, or a path alone that stands for one.
  fileprivate static func sectionOrPath(
    _ whole: @escaping (String) -> Value, path: @escaping (Value) -> String
  ) -> Codec where Value: Section & Equatable {
    let (word, section) = (Codec<String>.inputPath, Codec.section())
    return Codec(
      read: { entry, key, report in
        if case .section = entry.content { return section.read(entry, key, report) }
        return word.read(entry, key, report).map(whole)
      }, write: { whole(path($0)) == $0 ? word.write(path($0)) : section.write($0) })
  }
}

private struct SourceSection: Section {
  var folder: Recipe.FolderSettings?
  var cifar10: [String]?
  var cifar100: [String]?
  var csv: Recipe.ListSettings?
  var voc: Recipe.VOCSettings?
  var coco: Recipe.COCOSettings?
  var idx: Recipe.IDXSettings?
  var hdf5: Recipe.PackedSettings?
  var scenes: Recipe.SceneSettings?

  public init() {}

  init(_ source: Recipe.Data.Source) {
    switch source {
    case .folder(let settings): folder = settings
    case .cifar10(let files): cifar10 = files
    case .cifar100(let files): cifar100 = files
    case .csv(let settings): csv = settings
    case .voc(let settings): voc = settings
    case .coco(let settings): coco = settings
    case .idx(let settings): idx = settings
    case .hdf5(let settings): hdf5 = settings
    case .scenes(let settings): scenes = settings
    }
  }

  var sources: [Recipe.Data.Source] {
    let sources: [Recipe.Data.Source?] = [
      folder.map { .folder($0) }, cifar10.map { .cifar10($0) }, cifar100.map { .cifar100($0) }, csv.map { .csv($0) },
      voc.map { .voc($0) }, coco.map { .coco($0) }, idx.map { .idx($0) }, hdf5.map { .hdf5($0) },
      scenes.map { .scenes($0) },
    ]
    return sources.compactMap(\.self)
  }

  public mutating func visit(_ keys: Keys) {
    keys("folder", &folder, .alternative(.sectionOrPath({ .init($0) }, path: \.path)))
    keys("cifar10", &cifar10, .alternative(.list(.inputPath, atLeast: 1)))
    keys("cifar100", &cifar100, .alternative(.list(.inputPath, atLeast: 1)))
    keys("csv", &csv, .alternative(.section()))
    keys("voc", &voc, .alternative(.section()))
    keys("coco", &coco, .alternative(.section()))
    keys("idx", &idx, .alternative(.section()))
    keys("hdf5", &hdf5, .alternative(.sectionOrPath({ .init($0) }, path: \.file)))
    keys("scenes", &scenes, .alternative(.section()))
    if sources.count != 1 {
      keys.refuse(
        "",
        "expected one of folder, cifar10, cifar100, csv, voc, coco, idx, hdf5 and scenes, found \(sources.count)")
    }
  }
}

extension Codec<Recipe.Data.Source> {
  static var source: Codec { by(SourceSection.self, { $0.sources.first }, { SourceSection($0) }) }
}
