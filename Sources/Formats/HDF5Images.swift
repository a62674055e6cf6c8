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
  private let path: String
  private let file, images: hid_t

  /// - Throws: a ``FileError`` if the file is missing, or its data sets are not of that kind.
  public init(_ path: String, images name: String, labels labelsName: String) throws {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, message) }
    // Labels and names are few; what they claim is checked as in any file.
    let contents = try HDF5File.read(path, only: [labelsName])
    guard let labels = contents.integers(labelsName) else {
      throw malformed("no list of whole numbers named '\(labelsName)', where labels are expected")
    }
    let opened = try HDF5File.withLibrary {
      let file = H5Fopen(path, metasal_h5f_acc_rdonly(), hid_t(0))
      guard file >= 0 else { throw malformed("not an HDF5 file, or a damaged one") }
      let set = H5Dopen2(file, name, hid_t(0))
      do {
        guard set >= 0 else {
          throw malformed(
            H5Lexists(file, name, hid_t(0)) > 0
              ? "data set '\(name)': \(HDF5File.unopened)" : "no data set named '\(name)', where images are expected")
        }
        return (file, set, try Self.shape(set, name, path))
      } catch {
        if set >= 0 { H5Dclose(set) }
        H5Fclose(file)
        throw error
      }
    }
    (self.path, file, images) = (path, opened.0, opened.1)
    (count, height, width) = (opened.2[0], opened.2[1], opened.2[2])
    self.labels = labels.map { Int($0) }
    names = contents.attributes[Self.classNames].map { $0.split(separator: "\n").map(String.init) }
    guard self.labels.count == count else {
      throw malformed("\(labels.count) labels in '\(labelsName)' for \(count) images in '\(name)'")
    }
  }

  deinit {
    try? HDF5File.withLibrary {
      H5Dclose(images)
      H5Fclose(file)
    }
  }

  /// The size of a data set of pictures, [N, H, W].
  private static func shape(_ set: hid_t, _ name: String, _ path: String) throws -> [Int] {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "data set '\(name)': \(message)") }
    let (type, space, settings) = (H5Dget_type(set), H5Dget_space(set), H5Dget_create_plist(set))
    defer {
      H5Tclose(type)
      H5Sclose(space)
      H5Pclose(settings)
    }
    guard H5Tget_class(type) == H5T_INTEGER, H5Tget_size(type) == 1 else {
      throw malformed("expected bytes, one for each colour of each pixel")
    }
    guard H5Pget_layout(settings) != H5D_VIRTUAL, H5Pget_external_count(settings) <= 0 else {
      throw malformed("its elements lie in other files, which are not read")
    }
    if let filter = HDF5File.missingFilter(settings) { throw malformed(filter) }
    guard H5Sget_simple_extent_ndims(space) == 4 else {
      throw malformed("expected four axes: images, rows, columns and colours")
    }
    var sizes = [hsize_t](repeating: 0, count: 4)
    H5Sget_simple_extent_dims(space, &sizes, nil)
    let shape = sizes.map { Int(clamping: $0) }
    guard shape[3] == 3, shape[1] > 0, shape[2] > 0, shape[0] > 0, let pixels = StridedPositions.count(shape) else {
      throw malformed("found the shape \(shape), expected [images, rows, columns, 3]")
    }
    // A picture is read at once, and so are all chunks that it touches.
    var chunk = [hsize_t](repeating: 1, count: 4)
    if H5Pget_layout(settings) == H5D_CHUNKED { H5Pget_chunk(settings, 4, &chunk) }
    let stored = Int(clamping: H5Dget_storage_size(set))
    guard pixels <= max(1 << 16, stored * 1000), pixels / shape[0] <= 1 << 28,
      let large = StridedPositions.count(chunk.map { Int(clamping: $0) }), large <= 1 << 28
    else { throw malformed("\(shape) is too large for \(stored) bytes in the file") }
    return shape
  }

  /// A picture.
  ///
  /// - Throws: a ``FileError`` if it cannot be read.
  public func picture(at index: Int) throws -> Picture {
    var pixels = [UInt8](repeating: 0, count: height * width * 3)
    try HDF5File.withLibrary {
      let space = H5Dget_space(images)
      let (start, size) = ([hsize_t(index), 0, 0, 0], [1, hsize_t(height), hsize_t(width), 3])
      let memory = H5Screate_simple(4, size, nil)
      defer {
        H5Sclose(space)
        H5Sclose(memory)
      }
      guard H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nil, size, nil) >= 0,
        H5Dread(images, metasal_h5t_native_uint8(), memory, space, hid_t(0), &pixels) >= 0
      else { throw FileError(.malformed, path, "image \(index) cannot be read; the file is cut off or damaged") }
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
