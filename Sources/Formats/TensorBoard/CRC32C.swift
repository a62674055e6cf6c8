/// The checksum of event files: CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4). zlib has another one.
enum CRC32C {
  /// The polynomial, with its bits reversed.
  private static let polynomial: UInt32 = 0x82f6_3b78

  /// The checksum of each single byte.
  private static let table = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ polynomial : sum >> 1 }
  }

  /// The checksum of some bytes.
  static func sum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in sum >> 8 ^ table[Int((sum ^ UInt32(byte)) & 0xff)] }
  }

  /// The checksum as records store it: rotated, plus a constant, so that checksums of data that contain checksums stay
  /// distinct (TensorFlow, `core/lib/hash/crc32c.h`).
  static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let sum = sum(bytes)
    return (sum >> 15 | sum << 17) &+ 0xa282_ead8
  }
}
