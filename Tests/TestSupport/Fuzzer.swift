import Foundation
import Tensors

/// A generator of damaged files: it makes changes to a valid file that often reveal errors in a reader. A seed always
/// gives the same files.
public struct Fuzzer {
  private let valid: Data
  private var random: RandomSource

  public init(_ valid: Data, seed: UInt64) { (self.valid, random) = (valid, RandomSource(seed: seed, purpose: "fuzz")) }

  /// The number of damaged files that a test reads: `usual`, multiplied by METASAL_FUZZ if that is set, for long manual
  /// runs.
  public static func rounds(_ usual: Int) -> Int {
    usual * (ProcessInfo.processInfo.environment["METASAL_FUZZ"].flatMap { Int($0) } ?? 1)
  }

  private mutating func below(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }

  /// The next file, with one to three changes.
  public mutating func next() -> Data {
    var bytes = [UInt8](valid)
    for _ in 0...below(3) { change(&bytes) }
    return Data(bytes)
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let position = below(bytes.count)
    let rest = bytes.count - position
    switch below(8) {
    case 0: bytes.removeLast(rest)
    case 1: bytes.removeSubrange(position..<position + min(rest, 1 + below(8)))
    case 2: bytes.insert(contentsOf: bytes[position..<position + min(rest, 1 + below(64))], at: position)
    case 3, 4:
      // Bytes that may be a length or an offset are replaced by a number near which arithmetic overflows.
      let edges: [UInt64] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 62, .max >> 1, .max]
      let edge = edges[below(edges.count)] &+ UInt64(below(3)) &- 1
      let width = min(rest, [1, 2, 4, 8][below(4)])
      let isBig = below(2) == 0
      for i in 0..<width {
        bytes[position + i] = UInt8(truncatingIfNeeded: edge >> UInt64(8 * (isBig ? width - 1 - i : i)))
      }
    default: if rest > 0 { bytes[position] = UInt8(below(256)) }
    }
  }
}
