import CHDF5
import Foundation

/// Pictures of one size in an HDF5 file, read one at a time: a data set of bytes [N, H, W, 3], and one of N labels.
public final class HDF5Images: Sendable {
  /// The names of the data sets, unless told otherwise.
  public static let defaultNames = (images: "images", labels: "labels")
  /// The text attribute of the root group that holds the classes' names, a line for each.
  public static let classNames = "class_names"

  /// Pictures in the file, and their size in pixels.
  public let count, height, width: Int
  /// The pictures' classes.
  public let labels: [Int]
  /// The classes' names; nil if the file does not say.
  public let names: [String]?
  private let file: HDF5Reader
  private let images: HDF5Reader.DataSet

  /// - Throws: a ``FileError`` if the file is missing, or its data sets are not of that kind.
  public init(_ path: String, images name: String, labels labelsName: String) throws {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, message) }
    file = try HDF5Reader(path)
    guard case .integers(let labels)? = try file.contents(of: labelsName) else {
      throw malformed("no list of whole numbers named '\(labelsName)', where labels are expected")
    }
    self.labels = labels.map { Int($0) }
    names = try file.attributes()[Self.classNames].map { $0.split(separator: "\n").map(String.init) }
    guard let images = try file.open(name) else {
      throw malformed("no data set named '\(name)', where images are expected")
    }
    if let problem = Self.problem(images) { throw malformed("data set '\(name)': \(problem)") }
    self.images = images
    (count, height, width) = (images.shape[0], images.shape[1], images.shape[2])
    guard labels.count == count else {
      throw malformed("\(labels.count) labels in '\(labelsName)' for \(count) images in '\(name)'")
    }
  }

  /// What keeps a data set from being one of pictures.
  private static func problem(_ set: HDF5Reader.DataSet) -> String? {
    guard set.kind == H5T_INTEGER, set.elementSize == 1 else {
      return "expected bytes, one for each colour of each pixel"
    }
    if let problem = set.problem { return problem }
    guard set.shape.count == 4 else { return "expected four axes: images, rows, columns and colours" }
    guard set.shape[3] == 3, set.shape.allSatisfy({ $0 > 0 }), let count = set.count else {
      return "found the shape \(set.shape), expected [images, rows, columns, 3]"
    }
    // A picture is read at once, and so are all chunks that it touches.
    guard count <= max(1 << 16, set.stored * 1000), count / set.shape[0] <= 1 << 28,
      let chunk = set.chunkCount, chunk <= 1 << 28
    else { return "\(set.shape) is too large for \(set.stored) bytes in the file" }
    return nil
  }

  /// A picture.
  ///
  /// - Throws: a ``FileError`` if it cannot be read.
  public func picture(at index: Int) throws -> Picture {
    var pixels = [UInt8](repeating: 0, count: height * width * 3)
    let isRead = try pixels.withUnsafeMutableBytes {
      try file.read(rows: index..<index + 1, of: images, as: .uint8, into: $0)
    }
    guard isRead else {
      throw FileError(.malformed, file.path, "image \(index) cannot be read; the file is cut off or damaged")
    }
    return Picture(width: width, height: height, pixels: pixels)
  }

  /// Writes pictures as such a file, one at a time, each compressed by itself; see `Files.replace`.
  ///
  /// - Parameters:
  ///   - sample: the picture and class of each, or nil to leave it out; all pictures have the first one's size.
  ///   - progress: is told how many are done.
  /// - Returns: how many are written, at least one.
  @discardableResult
  public static func write(
    _ count: Int, classNames names: [String], to path: String, progress: (Int) -> Void = { _ in },
    _ sample: (Int) throws -> (picture: Picture, label: Int)?
  ) throws -> Int {
    var labels: [Int64] = []
    try Files.replace(path) { temporary in
      func unwritable(_ what: String) -> FileError { FileError(.unwritable, path, "\(what) cannot be written") }
      var first: Picture?
      let handles = try HDF5File.withLibrary { try HDF5File.create(temporary, path) }
      var set = hid_t(-1)
      defer {
        try? HDF5File.withLibrary {
          if set >= 0 { H5Dclose(set) }
          H5Fclose(handles)
        }
      }
      for index in 0..<count {
        defer { progress(index + 1) }
        guard let (picture, label) = try sample(index) else { continue }
        if let first, first.width != picture.width || first.height != picture.height {
          throw FileError(
            .malformed, path,
            "image \(index) is \(picture.width)×\(picture.height), the first \(first.width)×\(first.height); resize and crop them to one size"
          )
        }
        let size = [hsize_t(1), hsize_t(picture.height), hsize_t(picture.width), 3]
        try HDF5File.withLibrary {
          if first == nil {
            set = HDF5File.createBytes(handles, defaultNames.images, [hsize_t(count)] + size.dropFirst(), chunk: size)
            guard set >= 0 else { throw unwritable("the images") }
          }
          let (space, memory) = (H5Dget_space(set), H5Screate_simple(4, size, nil))
          defer {
            H5Sclose(space)
            H5Sclose(memory)
          }
          guard H5Sselect_hyperslab(space, H5S_SELECT_SET, [hsize_t(labels.count), 0, 0, 0], nil, size, nil) >= 0,
            H5Dwrite(set, metasal_h5t_native_uint8(), memory, space, hid_t(0), picture.pixels) >= 0
          else { throw unwritable("image \(index)") }
        }
        first = first ?? picture
        labels.append(Int64(label))
      }
      guard let first else { throw FileError(.unwritable, path, "there is no image to write") }
      try HDF5File.withLibrary {
        let sizes = [labels.count, first.height, first.width, 3].map(hsize_t.init)
        guard labels.count == count || H5Dset_extent(set, sizes) >= 0 else { throw unwritable("the number of images") }
        guard HDF5File.writeDataSet(handles, defaultNames.labels, .integers(labels)) else {
          throw unwritable("the labels")
        }
        guard HDF5File.writeAttribute(handles, classNames, names.joined(separator: "\n")) else {
          throw unwritable("the classes' names")
        }
      }
    }
    return labels.count
  }
}
