import Synchronization

/// Recycles element buffers. On the machines this runs on, page faults on fresh memory cost as much as the arithmetic
/// done on it, so a buffer that a tensor gives up is kept for the next tensor of about its size.
///
/// Sizes are rounded up to a quarter of a power of two, so at most a fifth of a buffer is unused.
enum Pool {
  /// A buffer that has exactly one owner at a time: a storage or a shelf.
  private struct Buffer: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
  }

  private struct Shelves {
    var free: [[Buffer]] = Array(repeating: [], count: 256)
    var idleBytes = 0
  }

  private static let shelves = Mutex(Shelves())

  /// Idle memory beyond this goes back to the system.
  private static let idleLimit = 2 << 30

  /// The shelf for buffers of `bytes`, and the size that all buffers on it have.
  private static func shelf(for bytes: Int) -> (index: Int, size: Int) {
    let bytes = max(bytes, 256)
    let exponent = Int.bitWidth - 1 - bytes.leadingZeroBitCount
    let step = 1 << (exponent - 2)
    let quarters = (bytes + step - 1) / step  // 4...8
    return (exponent * 4 + quarters - 4, quarters * step)
  }

  static func take(bytes: Int) -> UnsafeMutableRawPointer {
    let (index, size) = shelf(for: bytes)
    let recycled = shelves.withLock { shelves -> Buffer? in
      guard let buffer = shelves.free[index].popLast() else { return nil }
      shelves.idleBytes -= size
      return buffer
    }
    return recycled?.pointer ?? .allocate(byteCount: size, alignment: 64)
  }

  static func give(back pointer: UnsafeMutableRawPointer, bytes: Int) {
    let (index, size) = shelf(for: bytes)
    let buffer = Buffer(pointer: pointer)
    let kept = shelves.withLock { shelves -> Bool in
      guard shelves.idleBytes + size <= idleLimit else { return false }
      shelves.free[index].append(buffer)
      shelves.idleBytes += size
      return true
    }
    if !kept { pointer.deallocate() }
  }
}

/// A tensor's elements: written once by the kernel that makes it, read-only from then on (hence `@unchecked Sendable`).
final class Storage: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer
  let bytes: Int

  init(bytes: Int) {
    self.bytes = bytes
    pointer = Pool.take(bytes: bytes)
  }

  deinit { Pool.give(back: pointer, bytes: bytes) }
}
