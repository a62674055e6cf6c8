import Foundation
import Synchronization

/// A pool that recycles element buffers. On the machines this was developed on, page faults of fresh memory cost as
/// much as the arithmetic on it. A buffer that a tensor releases is therefore kept for the next tensor of about the
/// same size.
///
/// Sizes are rounded up to a thirty-second of a power of two, so that at most a thirty-third of a buffer is unused.
enum Pool {
  /// A buffer that has exactly one owner at a time, which is a storage or a shelf.
  private struct Buffer: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
  }

  private struct Shelves {
    var free: [[Buffer]] = Array(repeating: [], count: 2048)
    /// The number of bytes that tensors hold, its maximum so far, and the number of bytes on the shelves.
    var (live, peak, idle) = (0, 0, 0)
  }

  private static let shelves = Mutex(Shelves())

  /// The size of a processor's large page.
  private static let largePage = 2 << 20

  /// The shelf for buffers of at least `bytes`, and the common size of its buffers.
  private static func shelf(for bytes: Int) -> (index: Int, size: Int) {
    let bytes = max(bytes, 256)
    let exponent = Int.bitWidth - 1 - bytes.leadingZeroBitCount
    let step = 1 << (exponent - 5)
    let steps = (bytes + step - 1) / step  // from 32 to 64
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
      // The total stays below twice the peak of use. A working set whose sizes change from phase to phase must not be
      // freed and faulted in again each time. Beyond that limit buffers of other sizes are freed, smaller ones first,
      // so that no more than necessary are freed.
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
    // If there is no memory, the buffers on the shelves are freed before a second attempt.
    guard
      let pointer = allocate(size)
        ?? {
          empty(); return allocate(size)
        }()
    else { Memory.isExhausted(wanting: size) }
    return pointer
  }

  /// Allocates fresh memory; nil if there is none.
  private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
    let isLarge = size >= largePage
    var pointer: UnsafeMutableRawPointer?
    guard posix_memalign(&pointer, isLarge ? largePage : 64, size) == 0, let pointer else { return nil }
    // Large pages, if the system has them, cause five hundred times fewer page faults. The result is ignored, since a
    // failure changes nothing.
    #if os(Linux)
      if isLarge { madvise(pointer, size, MADV_HUGEPAGE) }
    #endif
    return pointer
  }

  /// Frees all buffers on the shelves.
  private static func empty() {
    let unwanted = shelves.withLock { shelves in
      defer { (shelves.free, shelves.idle) = (Array(repeating: [], count: shelves.free.count), 0) }
      return shelves.free.flatMap(\.self)
    }
    for buffer in unwanted { free(buffer.pointer) }
  }

  /// The number of idle bytes that are never freed.
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

/// The elements of a tensor. They are written once by the kernel that creates the storage and are read-only afterwards
/// (hence `@unchecked Sendable`).
final class Storage: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer
  let bytes: Int
  /// The number of bytes after which the elements repeat. It is the whole size unless the storage is known to hold
  /// repetitions.
  let period: Int
  /// Whether the memory was mapped by the system and does not belong to the pool.
  private let isMapped: Bool

  init(bytes: Int, period: Int? = nil) {
    self.bytes = bytes
    self.period = period ?? bytes
    pointer = Pool.take(bytes: bytes)
    isMapped = false
  }

  /// Creates zeros that take no memory until they are used: the system provides a page when it is first read or
  /// written.
  init(zeros bytes: Int) {
    (self.bytes, period) = (bytes, bytes)
    let found = bytes < 1 << 20 ? MAP_FAILED : mmap(nil, bytes, PROT_READ | PROT_WRITE, Self.flags, -1, 0)
    if let found, found != MAP_FAILED {
      (pointer, isMapped) = (found, true)
    } else {
      (pointer, isMapped) = (Pool.take(bytes: bytes), false)
      pointer.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }

  #if os(Linux)
    private static let flags = Int32(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
  #else
    private static let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
  #endif

  /// Whether the caller has the only reference and the storage is not known to hold repetitions, so that it may be
  /// written to again.
  static func isOwn(_ storage: inout Storage) -> Bool {
    isKnownUniquelyReferenced(&storage) && storage.period == storage.bytes
  }

  deinit { if isMapped { munmap(pointer, bytes) } else { Pool.give(back: pointer, bytes: bytes) } }
}
