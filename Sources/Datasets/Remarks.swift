import Formats
import Synchronization

/// What of a data set was left out, or taken otherwise than it stands there: counted by reason, each thing once however often it
/// is read. Some of it is known at the start, some only once an image was read.
public final class Remarks: Sendable {
  private let noted = Mutex<[String: Set<String>]>([:])

  /// - Parameters:
  ///   - reason: what became of what, as in "objects outside their image, left out".
  ///   - thing: which one.
  func add(_ reason: String, _ thing: String) { noted.withLock { _ = $0[reason, default: []].insert(thing) } }

  /// Something about all of the data set.
  func add(_ text: String) { noted.withLock { $0[text] = [] } }

  /// A line for each reason, with the number of things and one of them, in the order of the alphabet.
  public var texts: [String] {
    noted.withLock { noted in
      noted.sorted { $0.key < $1.key }.map { reason, things in
        guard let first = things.min() else { return reason }
        return "\(reason): \(things.count) (\(first)\(things.count > 1 ? ", and others" : ""))"
      }
    }
  }

  /// Reads an image, and notes if pixels were lost in it.
  func image(_ path: String) throws -> ImageFile {
    let file = try ImageFile(path)
    if let damage = file.damage {
      add("images with lost pixels, filled with grays as Pillow does", "\(path): \(damage)")
    }
    return file
  }
}
