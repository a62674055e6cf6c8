import Components
import Foundation

/// Reads the elements of tensors that an ONNX model stores in other files in its folder
/// (onnx.ai/onnx/repo-docs/ExternalData.html).
struct ExternalElements {
  let model: String
  private var files: [String: (data: Data, left: Int)] = [:]

  init(model: String) { self.model = model }

  /// Reads the bytes of a tensor. `place` holds the keys `location`, a path relative to the model's folder, and
  /// `offset` and `length` in bytes.
  mutating func bytes(of name: String, at place: [String: String]) throws -> Data {
    func malformed(_ message: String) -> ProtobufReader.Malformed { .init(message: "'\(name)' " + message) }
    let location = place["location"] ?? ""
    // A model from an untrusted source must not be able to open files outside of its folder.
    guard !location.isEmpty, !location.hasPrefix("/"), !location.split(separator: "/").contains("..") else {
      throw malformed("has its elements in '\(location)', where a file in the model's folder is expected")
    }
    let folder = Paths.folder(of: model)
    let path = Paths.joined(folder, location)
    var file: (data: Data, left: Int)
    if let known = files[location] {
      file = known
    } else {
      let data: Data
      do { data = try Files.read(path, inside: folder) } catch {
        throw malformed("has its elements in \(path), which cannot be read: \(error.message)")
      }
      // Tensors may share elements, but all together may read at most four times the size of the file.
      file = (data, 4 * data.count)
    }
    let offset = place["offset"].map { Int($0) ?? -1 } ?? 0
    guard offset >= 0, offset <= file.data.count else {
      throw malformed("begins at byte \(place["offset"] ?? "") of \(file.data.count) in \(path)")
    }
    let length = place["length"].map { Int($0) ?? -1 } ?? file.data.count - offset
    guard length >= 0, length <= file.data.count - offset, length <= file.left else {
      throw malformed("has \(place["length"] ?? "") bytes from byte \(offset) of \(file.data.count) in \(path)")
    }
    file.left -= length
    files[location] = file
    return file.data.dropFirst(offset).prefix(length)
  }
}
