import CZlib
import Foundation

/// The chunks of a PNG in order, up to the first truncated one.
struct PNGChunks: Sequence, IteratorProtocol {
  struct Chunk {
    let name: String
    let content: Data
    /// The bytes that the checksum covers: name and content.
    fileprivate let summed: Data
    fileprivate let sum: Int

    /// Whether the stored checksum matches the content.
    var isSound: Bool {
      summed.withUnsafeBytes { Int(crc32(0, $0.bindMemory(to: UInt8.self).baseAddress, UInt32($0.count))) } == sum
    }
  }

  private let data: Data
  private var at: Int

  /// Begins at the first chunk of a PNG.
  ///
  /// - Parameter data: the bytes of the file.
  init(_ data: Data) { (self.data, at) = (data, data.startIndex + 8) }

  mutating func next() -> Chunk? {
    guard data.endIndex - at >= 12 else { return nil }
    let length = number(at)
    guard length <= data.endIndex - at - 12 else { return nil }
    let (start, end) = (at + 4, at + 8 + length)
    at = end + 4
    return Chunk(
      name: String(decoding: data[start..<(start + 4)], as: UTF8.self), content: data[(start + 4)..<end],
      summed: data[start..<end], sum: number(end))
  }

  /// Reads a big-endian number of four bytes.
  private func number(_ at: Int) -> Int { data[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) } }
}
