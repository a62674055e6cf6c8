import Foundation
import Synchronization

/// Recycles element buffers. On the machines this runs on, page faults on fresh memory cost as much as the arithmetic
/// done on it, so a buffer that a tensor gives up is kept for the next tensor of about its size.
///
/// Sizes are rounded up to a thirty-second of a power of two, so at most a thirty-third of a buffer is unused.
enum Pool {
  /// A buffer that has exactly one owner at a time: a storage or a shelf.
  private struct Buffer: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
  }

  private struct Shelves {
    var free: [[Buffer]] = Array(repeating: [], count: 2048)
    /// Bytes that tensors hold, the most that they ever held, and bytes on the shelves.
    var (live, peak, idle) = (0, 0, 0)
  }

  private static let shelves = Mutex(Shelves())

  /// What processors call a large page.
  private static let largePage = 2 << 20

  /// The shelf for buffers of `bytes`, and the size that all buffers on it have.
  private static func shelf(for bytes: Int) -> (index: Int, size: Int) {
    let bytes = max(bytes, 256)
    let exponent = Int.bitWidth - 1 - bytes.leadingZeroBitCount
    let step = 1 << (exponent - 5)
    let steps = (bytes + step - 1) / step  // 32...64
    return (exponent * 32 + steps - 32, steps * step)
  }

  /// The size of the buffers on a shelf.
  private static func size(ofShelf index: Int) -> Int { (index % 32 + 32) << (index / 32 - 5) }

  static func take(bytes: Int) -> UnsafeMutableRawPointer {
    let (index, size) = shelf(for: bytes)
    let (recycled, unwanted) = shelves.withLock { shelves -> (Buffer?, [Buffer]) in
      shelves.live += size
      shelves.peak = max(shelves.peak, shelves.live)
      if let buffer = shelves.free[index].popLast() {
        shelves.idle -= size
        return (buffer, [])
      }
      // All together stays below twice the most that was ever needed at once, as a working set whose sizes change from
      // phase to phase must not be freed and faulted in again each time. Beyond that buffers of other sizes go, smaller
      // ones first, so that no more go than have to.
      var unwanted: [Buffer] = []
      var other = shelf(for: slack / 1024).index
      while shelves.live + shelves.idle > 2 * shelves.peak + slack, other < shelves.free.count {
        if let buffer = shelves.free[other].popLast() {
          shelves.idle -= self.size(ofShelf: other)
          unwanted.append(buffer)
        } else {
          other += 1
        }
      }
      return (nil, unwanted)
    }
    for buffer in unwanted { free(buffer.pointer) }
    if let recycled { return recycled.pointer }
    // What lies on the shelves may be what is missing.
    guard let pointer = allocate(size) ?? { empty(); return allocate(size) }() else { Memory.isExhausted(wanting: size) }
    return pointer
  }

  /// Fresh memory; nil if there is none.
  private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
    let isLarge = size >= largePage
    var pointer: UnsafeMutableRawPointer?
    guard posix_memalign(&pointer, isLarge ? largePage : 64, size) == 0, let pointer else { return nil }
    // Large pages, where the system has them: five hundred times fewer faults. A refusal changes nothing.
    #if os(Linux)
      if isLarge { madvise(pointer, size, MADV_HUGEPAGE) }
    #endif
    return pointer
  }

  /// Gives back all that lies on the shelves.
  private static func empty() {
    let unwanted = shelves.withLock { shelves in
      defer { (shelves.free, shelves.idle) = (Array(repeating: [], count: shelves.free.count), 0) }
      return shelves.free.flatMap(\.self)
    }
    for buffer in unwanted { free(buffer.pointer) }
  }

  /// Idle bytes that are never worth giving back.
  private static let slack = 64 << 20

  static func give(back pointer: UnsafeMutableRawPointer, bytes: Int) {
    let (index, size) = shelf(for: bytes)
    let buffer = Buffer(pointer: pointer)
    shelves.withLock { shelves in
      shelves.free[index].append(buffer)
      shelves.idle += size
      shelves.live -= size
    }
  }
}

/// A tensor's elements: written once by the kernel that makes it, read-only from then on (hence `@unchecked Sendable`).
final class Storage: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer
  let bytes: Int
  /// Bytes after which the elements begin again; all of them, unless the storage is known to hold one thing several times.
  let period: Int

  init(bytes: Int, period: Int? = nil) {
    self.bytes = bytes
    self.period = period ?? bytes
    pointer = Pool.take(bytes: bytes)
  }

  /// Whether nobody but the caller holds it, and nothing is known of what it holds, so that it may be written to again.
  static func isOwn(_ storage: inout Storage) -> Bool {
    isKnownUniquelyReferenced(&storage) && storage.period == storage.bytes
  }

  deinit { Pool.give(back: pointer, bytes: bytes) }
}
