import Components
import Foundation
import Formats

/// CIFAR's binary batches (Krizhevsky 2009): records of one label byte (for CIFAR-100 a coarse and a fine label),
/// followed by 32×32 pixels as a red, a green and a blue plane.
public struct CIFARBinary: Dataset {
  /// CIFAR-10 or CIFAR-100.
  public enum Variant: Sendable {
    /// Ten classes with one label byte per record, or a hundred with two.
    case cifar10, cifar100

    var labelBytes: Int { self == .cifar10 ? 1 : 2 }
    var classes: Int { self == .cifar10 ? 10 : 100 }
  }

  public let classNames: [String]
  private let variant: Variant
  private let batches: [(path: String, data: Data, start: Int)]
  public let count: Int

  private static let side = 32
  private var recordSize: Int { variant.labelBytes + 3 * Self.side * Self.side }

  /// Reads batch files.
  ///
  /// - Parameters:
  ///   - variant: the format of the files.
  ///   - paths: the batch files.
  /// - Throws: a `FileError` if a file is missing, is not a whole number of records, or contains a label out of
  ///   range; or if `fine_label_names.txt` beside it does not list a hundred names.
  public init(_ variant: Variant, _ paths: [String]) throws {
    self.variant = variant
    classNames = try Self.classNames(variant, beside: paths)
    let size = variant.labelBytes + 3 * Self.side * Self.side
    var batches: [(path: String, data: Data, start: Int)] = []
    var count = 0
    for path in paths {
      let data = try Files.read(path)
      guard !data.isEmpty, data.count % size == 0 else {
        throw FileError(.malformed, path, "\(data.count) bytes are no whole number of records of \(size) bytes")
      }
      for record in 0..<(data.count / size) {
        let label = data[data.startIndex + record * size + variant.labelBytes - 1]
        guard label < variant.classes else {
          throw FileError(
            .malformed, path, "record \(record): label \(label), where one below \(variant.classes) is expected")
        }
      }
      batches.append((path, data, count))
      count += data.count / size
    }
    self.batches = batches
    self.count = count
  }

  /// The class names. CIFAR-100's are read from `fine_label_names.txt` beside the batches; without that file they are
  /// numbers.
  private static func classNames(_ variant: Variant, beside paths: [String]) throws -> [String] {
    guard variant == .cifar100 else {
      return ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    }
    let lists = paths.map { Paths.joined(Paths.folder(of: $0), "fine_label_names.txt") }
    guard let list = lists.first(where: FileManager.default.fileExists) else {
      return (0..<variant.classes).map(String.init)
    }
    let names = try ClassList.read(list)
    guard names.count == variant.classes else {
      throw FileError(.malformed, list, "\(names.count) names, where \(variant.classes) are expected")
    }
    return names
  }

  public func sample(at index: Int) throws -> Sample {
    guard let batch = batches.last(where: { $0.start <= index }) else {
      throw FileError(.malformed, "CIFAR", "no record \(index)")
    }
    let start = batch.data.startIndex + (index - batch.start) * recordSize
    let plane = Self.side * Self.side
    let pixels = (0..<(plane * 3)).map { batch.data[start + variant.labelBytes + $0 % 3 * plane + $0 / 3] }
    return Sample(
      image: RGBImage(width: Self.side, height: Self.side, pixels: pixels),
      label: Int(batch.data[start + variant.labelBytes - 1]), source: "\(batch.path), record \(index - batch.start)")
  }
}

extension CIFARBinary {
  /// CIFAR-10's binary batches, as recipes state them: `cifar10: [files]`.
  public struct CIFAR10: DatasetSource, Equatable {
    public let name = "cifar10"
    /// The batch files.
    public var files: [String]

    /// A data set of these batch files.
    public init(_ files: [String] = []) { self.files = files }

    public mutating func visit(_ keys: Keys) { keys("files", &files, .paths, isRequired: true) }

    /// The list of files alone is accepted in place of a section.
    public static var shorthand: Codec<Self>? { Codec<[String]>.paths.standing(for: { Self($0) }, \.files) }

    public func dataset() throws -> any Dataset { try CIFARBinary(.cifar10, files) }
  }

  /// CIFAR-100's binary batches, as recipes state them: `cifar100: [files]`.
  public struct CIFAR100: DatasetSource, Equatable {
    public let name = "cifar100"
    /// The batch files.
    public var files: [String]

    /// A data set of these batch files.
    public init(_ files: [String] = []) { self.files = files }

    public mutating func visit(_ keys: Keys) { keys("files", &files, .paths, isRequired: true) }

    /// The list of files alone is accepted in place of a section.
    public static var shorthand: Codec<Self>? { Codec<[String]>.paths.standing(for: { Self($0) }, \.files) }

    public func dataset() throws -> any Dataset { try CIFARBinary(.cifar100, files) }
  }
}

extension Codec<[String]> {
  /// A list of at least one input file.
  fileprivate static var paths: Codec { list(.inputPath, atLeast: 1) }
}
