import Foundation

/// Builds files in PyTorch's older stream format by hand: a pickle made of any opcodes, and one float32 storage named
/// "0".
struct PickleStream {
  private(set) var object = Data([0x80, 0x02])

  /// Appends opcodes and their arguments.
  mutating func add(_ bytes: UInt8...) { object += bytes }

  mutating func add(_ text: String) {
    add(UInt8(ascii: "X"))
    object += withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { Data($0) } + Data(text.utf8)
  }

  mutating func add(_ value: Int) {
    add(UInt8(ascii: "J"))
    object += withUnsafeBytes(of: Int32(truncatingIfNeeded: value).littleEndian) { Data($0) }
  }

  mutating func add(global module: String, _ name: String) { object += Data("c\(module)\n\(name)\n".utf8) }

  mutating func add(tuple items: [Int]) {
    add(UInt8(ascii: "("))
    for item in items { add(item) }
    add(UInt8(ascii: "t"))
  }

  /// A view into the storage of `count` elements.
  mutating func add(tensorOf count: Int, at offset: Int, shape: [Int], strides: [Int]) {
    add(global: "torch._utils", "_rebuild_tensor_v2")
    add(UInt8(ascii: "("), UInt8(ascii: "("))
    add("storage")
    add(global: "torch", "FloatStorage")
    for text in ["0", "cpu"] { add(text) }
    add(count)
    add(UInt8(ascii: "t"), UInt8(ascii: "Q"))
    add(offset)
    add(tuple: shape)
    add(tuple: strides)
    add(UInt8(ascii: "t"), UInt8(ascii: "R"))
  }

  /// A dictionary of the storage's views by name.
  init(views: [(name: String, offset: Int, shape: [Int], strides: [Int])], of count: Int) {
    add(UInt8(ascii: "}"), UInt8(ascii: "("))
    for view in views {
      add(view.name)
      add(tensorOf: count, at: view.offset, shape: view.shape, strides: view.strides)
    }
    add(UInt8(ascii: "u"))
  }

  init() {}

  /// The bytes of the file, whose storage contains 0, 1, 2, ….
  func file(storage: Int = 0) -> Data {
    var file = Data([0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e])
    file += Data([0x80, 0x02, UInt8(ascii: "M"), 0xe9, 0x03, 0x2e, 0x80, 0x02, UInt8(ascii: "}"), 0x2e])
    file += object + Data([0x2e])
    var keys = PickleStream()
    keys.add(UInt8(ascii: "]"))
    if storage > 0 {
      keys.add("0")
      keys.add(UInt8(ascii: "a"))
    }
    file += keys.object + Data([0x2e])
    if storage > 0 {
      file += withUnsafeBytes(of: UInt64(storage).littleEndian) { Data($0) }
      for i in 0..<storage { file += withUnsafeBytes(of: Float(i).bitPattern.littleEndian) { Data($0) } }
    }
    return file
  }
}
