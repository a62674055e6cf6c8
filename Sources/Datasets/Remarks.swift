import Formats
import Synchronization

/// Remarks about parts of a data set that were left out or interpreted in an unusual way. They are counted by reason,
/// each item once however often it is read. Some are known when the data set is opened, others only after an image was
/// read.
public final class Remarks: Sendable {
  private let noted = Mutex<[String: Set<String>]>([:])

  /// Adds a remark about an item.
  ///
  /// - Parameters:
  ///   - reason: what happened to what kind of item, as in "objects outside their image, left out".
  ///   - thing: the item.
  func add(_ reason: String, _ thing: String) { noted.withLock { _ = $0[reason, default: []].insert(thing) } }

  /// Adds a remark about the whole data set.
  func add(_ text: String) { noted.withLock { $0[text] = [] } }

  /// A line for each reason, with the number of items and one example, sorted alphabetically.
  public var texts: [String] {
    noted.withLock { noted in
      noted.sorted { $0.key < $1.key }.map { reason, things in
        guard let first = things.min() else { return reason }
        return "\(reason): \(things.count) (\(first)\(things.count > 1 ? ", and others" : ""))"
      }
    }
  }

  /// Reads an image, and adds a remark if the decoder reports damaged pixels.
  func image(_ path: String) throws -> ImageFile {
    let file = try ImageFile(path)
    if let damage = file.damage {
      add("images with lost pixels, filled with grays as Pillow does", "\(path): \(damage)")
    }
    return file
  }
}
