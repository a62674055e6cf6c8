import Components
import Foundation
import Formats

/// Images and labels in MNIST's IDX format (LeCun et al. 1998), optionally compressed by gzip: a magic number with the
/// element type and the number of axes, the sizes, all big-endian, and the elements. Gray images are converted to RGB.
public struct IDXImages: Dataset {
  public let classNames: [String]
  private let path: String
  private let pixels, labels: Data
  private let height, width, channels: Int
  public let count: Int

  /// Reads the files of images and labels.
  ///
  /// - Parameters:
  ///   - images: the file of the images.
  ///   - labelsPath: the file of the labels.
  ///   - classes: a file with a line for each class; nil to use the labels' numbers as names.
  /// - Throws: a `FileError` if a file is missing or broken, the numbers of images and labels differ, or a label is
  ///   not one of the classes.
  public init(images: String, labels labelsPath: String, classes: String? = nil) throws {
    let (sizes, pixels) = try Self.read(images, axes: 3...4)
    let (counts, labels) = try Self.read(labelsPath, axes: 1...1)
    guard counts[0] == sizes[0] else {
      throw FileError(.malformed, labelsPath, "\(counts[0]) labels for the \(sizes[0]) images in \(images)")
    }
    guard sizes.count == 3 || sizes[3] == 3, sizes[0] > 0 else {
      throw FileError(.malformed, images, "found sizes \(sizes), expected images, rows, columns (and 3 colors)")
    }
    (path, self.pixels, self.labels) = (images, pixels, labels)
    (count, height, width, channels) = (sizes[0], sizes[1], sizes[2], sizes.count == 3 ? 1 : 3)
    classNames = try classes.map(ClassList.read) ?? ClassList.numbered(labels.map { Int($0) }) ?? []
    for (index, label) in labels.enumerated() where label >= classNames.count {
      throw FileError(.malformed, labelsPath, "label \(index) is \(label), where there are \(classNames.count) classes")
    }
  }

  /// Reads the sizes and the elements of a file.
  private static func read(_ path: String, axes: ClosedRange<Int>) throws -> ([Int], Data) {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "IDX: " + message) }
    // Drawings compress to about a tenth; a much higher ratio is an attack on memory.
    let data = try Files.readUnpacked(path, largestRatio: 128)
    guard data.count >= 4, data.starts(with: [0, 0]) else { throw malformed("it does not begin with two zeros") }
    let header = Array(data.prefix(4))
    guard header[2] == 8 else { throw malformed("elements of kind \(header[2]), where 8, bytes, is expected") }
    let rank = Int(header[3])
    guard axes.contains(rank), data.count >= 4 + 4 * rank else {
      throw malformed("\(rank) axes, where \(axes.lowerBound == axes.upperBound ? "1 is" : "3 or 4 are") expected")
    }
    let sizes = (0..<rank).map { axis in
      data.dropFirst(4 + 4 * axis).prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }
    let body = data.dropFirst(4 + 4 * rank)
    var expected = 1
    for size in sizes {
      let (product, overflows) = expected.multipliedReportingOverflow(by: size)
      guard !overflows else { throw malformed("the sizes \(sizes) are impossible") }
      expected = product
    }
    guard body.count == expected, expected > 0 else {
      throw malformed("\(body.count) bytes of elements, where the sizes \(sizes) make \(expected)")
    }
    return (sizes, Data(body))
  }

  public func sample(at index: Int) throws -> Sample {
    let size = height * width * channels
    let own = pixels[(index * size)..<((index + 1) * size)]
    let colors = channels == 3 ? Array(own) : own.flatMap { [$0, $0, $0] }
    return Sample(
      image: RGBImage(width: width, height: height, pixels: colors), label: Int(labels[index]),
      source: "\(path), image \(index)")
  }
}

extension IDXImages {
  /// Images and labels in two files, as recipes state them.
  public struct Source: DatasetSource, Equatable {
    public let name = "idx"
    /// The file of the images.
    public var images: String
    /// The file of the labels.
    public var labels: String
    /// A file with a line for each class; nil to use the labels' numbers as names.
    public var classes: String?

    /// A data set of a file of images and a file of labels.
    public init(images: String = "", labels: String = "", classes: String? = nil) {
      (self.images, self.labels, self.classes) = (images, labels, classes)
    }

    public mutating func visit(_ keys: Keys) {
      keys("images", &images, .inputPath, isRequired: true)
      keys("labels", &labels, .inputPath, isRequired: true)
      keys("classes", &classes, .optional(.inputPath))
    }

    public func dataset() throws -> any Dataset { try IDXImages(images: images, labels: labels, classes: classes) }
  }
}
