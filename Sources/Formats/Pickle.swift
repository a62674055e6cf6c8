import Foundation

/// An interpreter of the pickle opcodes that tensors need. It makes values and calls nothing: a class outside the list below
/// is an error that names it.
struct Pickle {
  /// Stands for names the tensors need, and the element type where it is a storage's.
  static let storages: [String: ElementType] = [
    "FloatStorage": .float32, "DoubleStorage": .float64, "HalfStorage": .float16, "BFloat16Storage": .bfloat16,
    "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8,
    "BoolStorage": .bool,
  ]
  static let known: Set<String> = [
    "collections.OrderedDict", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter", "torch.Size",
    "torch.serialization._get_layout", "torch.device",
  ]

  private let data: Data
  private let file: String
  private let entry: String
  private var position: Int
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var result = Pickled()
  private var copied = 0

  private init(_ data: Data, at position: Int, file: String, entry: String) {
    (self.data, self.position, self.file, self.entry) = (data, position, file, entry)
  }

  /// The value pickled at `position`, which moves behind it.
  static func load(_ data: Data, at position: inout Int, file: String, entry: String) throws -> Pickled {
    var machine = Pickle(data, at: position, file: file, entry: entry)
    defer { position = machine.position }
    machine.result.value = try machine.run()
    return machine.result
  }

  private func malformed(_ message: String) -> FileError {
    FileError(.malformed, file, "\(entry) at byte \(position): \(message)")
  }

  // MARK: Reading

  private mutating func bytes(_ count: Int) throws -> Data {
    guard count >= 0, count <= data.count - position else {
      throw malformed("the pickle ends where \(count) more bytes are expected")
    }
    defer { position += count }
    return data.subdata(in: (data.startIndex + position)..<(data.startIndex + position + count))
  }

  private mutating func unsigned(_ count: Int) throws -> Int {
    let value = try bytes(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let value = Int(exactly: value) else { throw malformed("a length of \(value)") }
    return value
  }

  private mutating func line() throws -> String {
    guard let end = data[(data.startIndex + position)...].firstIndex(of: 0x0a), end - data.startIndex - position < 1000
    else {
      throw malformed("a line without an end")
    }
    let line = try bytes(end - data.startIndex - position)
    position += 1
    return String(decoding: line, as: UTF8.self)
  }

  private mutating func text(_ count: Int) throws -> String { String(decoding: try bytes(count), as: UTF8.self) }

  // MARK: The stack

  private mutating func pop() throws -> PickleValue {
    guard let value = stack.popLast(), stack.count >= marks.last ?? 0 else { throw malformed("the stack is empty") }
    return value
  }

  private func top() throws -> PickleValue {
    guard let value = stack.last else { throw malformed("the stack is empty") }
    return value
  }

  private mutating func popToMark() throws -> [PickleValue] {
    guard let mark = marks.popLast(), mark <= stack.count else { throw malformed("no mark on the stack") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func container(_ items: [PickleValue]) -> Int {
    result.containers.append(items)
    return result.containers.count - 1
  }

  private func recalled(_ key: Int) throws -> PickleValue {
    guard let value = memo[key] else { throw malformed("nothing was memoized as \(key)") }
    return value
  }

  // MARK: Opcodes

  private mutating func run() throws -> PickleValue {
    while true {
      let opcode = try bytes(1)
      switch opcode[opcode.startIndex] {
      case UInt8(ascii: "."): return try pop()
      case 0x80: _ = try bytes(1)  // PROTO
      case 0x95: _ = try bytes(8)  // FRAME
      case UInt8(ascii: "("): marks.append(stack.count)
      case UInt8(ascii: "0"): _ = try pop()
      case UInt8(ascii: "1"): _ = try popToMark()
      case UInt8(ascii: "N"): stack.append(.none)
      case 0x88: stack.append(.bool(true))
      case 0x89: stack.append(.bool(false))
      case UInt8(ascii: "K"): stack.append(.int(try unsigned(1)))
      case UInt8(ascii: "M"): stack.append(.int(try unsigned(2)))
      case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
      case 0x8a: stack.append(.int(try long(try unsigned(1))))
      case UInt8(ascii: "G"):
        let bits = try bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        stack.append(.float(Double(bitPattern: bits)))
      case UInt8(ascii: "X"): stack.append(.string(try text(try unsigned(4))))
      case 0x8c: stack.append(.string(try text(try unsigned(1))))
      case UInt8(ascii: "U"): stack.append(.string(try text(try unsigned(1))))
      case UInt8(ascii: "T"): stack.append(.string(try text(try unsigned(4))))
      case UInt8(ascii: "B"): stack.append(.bytes(try bytes(try unsigned(4))))
      case UInt8(ascii: "C"): stack.append(.bytes(try bytes(try unsigned(1))))
      case UInt8(ascii: ")"): stack.append(.tuple(container([])))
      case UInt8(ascii: "t"): stack.append(.tuple(container(try popToMark())))
      case 0x85: stack.append(.tuple(container([try pop()])))
      case 0x86:
        let second = try pop()
        stack.append(.tuple(container([try pop(), second])))
      case 0x87:
        let (third, second) = (try pop(), try pop())
        stack.append(.tuple(container([try pop(), second, third])))
      case UInt8(ascii: "]"): stack.append(.list(container([])))
      case UInt8(ascii: "l"): stack.append(.list(container(try popToMark())))
      case UInt8(ascii: "}"): stack.append(.dictionary(container([])))
      case UInt8(ascii: "d"): stack.append(.dictionary(container(try pairs(try popToMark()))))
      case UInt8(ascii: "a"):
        let item = try pop()
        try append([item])
      case UInt8(ascii: "e"):
        let items = try popToMark()
        try append(items)
      case UInt8(ascii: "s"):
        let value = try pop()
        let key = try pop()
        try insert([key, value])
      case UInt8(ascii: "u"):
        let items = try popToMark()
        try insert(items)
      case UInt8(ascii: "q"): memo[try unsigned(1)] = try top()
      case UInt8(ascii: "r"): memo[try unsigned(4)] = try top()
      case 0x94: memo[memo.count] = try top()
      case UInt8(ascii: "h"): stack.append(try recalled(try unsigned(1)))
      case UInt8(ascii: "j"): stack.append(try recalled(try unsigned(4)))
      case UInt8(ascii: "c"):
        let module = try line()
        stack.append(.global(try global(module, try line())))
      case 0x93:
        guard let name = try pop().string, let module = try pop().string else {
          throw malformed("a class without a name")
        }
        stack.append(.global(try global(module, name)))
      case UInt8(ascii: "Q"):
        let id = try pop()
        stack.append(try persistent(id))
      case UInt8(ascii: "R"):
        let arguments = try pop()
        let function = try pop()
        stack.append(try reduced(function, arguments))
      case UInt8(ascii: "b"):  // BUILD sets attributes (an OrderedDict's `_metadata`), which tensors do not need.
        _ = try pop()
        guard case .dictionary = try top() else { throw malformed("attributes for something other than a dictionary") }
      case let other: throw malformed("the opcode \(String(other, radix: 16)) is none that tensors need")
      }
    }
  }

  private mutating func long(_ count: Int) throws -> Int {
    let digits = try bytes(count)
    guard count <= 8 else {
      return 0  // PyTorch's magic number is longer; the reader compares bytes instead of the value.
    }
    var value = digits.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    if let last = digits.last, last & 0x80 != 0, count < 8 { value |= ~UInt64(0) << UInt64(8 * count) }
    return Int(truncatingIfNeeded: value)
  }

  private func pairs(_ items: [PickleValue]) throws -> [PickleValue] {
    guard items.count % 2 == 0 else { throw malformed("a key without a value") }
    return items
  }

  // Methods below look at the stack as it is when they are called, so their arguments are popped before.
  private mutating func append(_ items: [PickleValue]) throws {
    guard case .list(let list) = try top() else { throw malformed("items for something other than a list") }
    result.containers[list] += items
  }

  private mutating func insert(_ items: [PickleValue]) throws {
    guard case .dictionary(let dictionary) = try top() else {
      throw malformed("keys for something other than a dictionary")
    }
    result.containers[dictionary] += try pairs(items)
  }

  private func global(_ module: String, _ name: String) throws -> String {
    let full = module + "." + name
    let isStorage = module == "torch" && Self.storages[name] != nil
    guard isStorage || Self.known.contains(full) else {
      throw malformed("the class or function '\(full)' is none that tensors need, and nothing else is loaded")
    }
    return full
  }

  /// ('storage', class, key, location, count) and, in the stream, a view of another storage, which PyTorch has not
  /// written for long.
  private mutating func persistent(_ id: PickleValue) throws -> PickleValue {
    guard case .tuple(let index) = id else { throw malformed("a persistent object that is no tensor storage") }
    let parts = result.containers[index]
    guard parts.count >= 5, parts[0].string == "storage", case .global(let name) = parts[1],
      let type = Self.storages[String(name.dropFirst("torch.".count))], let key = parts[2].string
    else { throw malformed("a persistent object that is no tensor storage") }
    if parts.count > 5, case .tuple = parts[5] {
      throw malformed("storage '\(key)' is a view of another one, which is not read")
    }
    result.storages[key] = type
    return .storage(type: type, key: key)
  }

  /// What calling the function would make, made here.
  private mutating func reduced(_ function: PickleValue, _ argument: PickleValue) throws -> PickleValue {
    guard case .global(let name) = function, case .tuple(let index) = argument else {
      throw malformed("a call of something that is no function")
    }
    let arguments = result.containers[index]
    switch name {
    case "collections.OrderedDict": return .dictionary(container(try dictionary(arguments.first)))
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
      guard arguments.count >= 4, case .storage(let type, let key) = arguments[0], let offset = arguments[1].int,
        let shape = result.axes(arguments[2]), let strides = result.axes(arguments[3])
      else { throw malformed("a tensor without storage, offset, size and strides") }
      return .tensor(PickleTensor(type: type, storage: key, offset: offset, shape: shape, strides: strides))
    case "torch._utils._rebuild_parameter":
      guard let first = arguments.first, case .tensor = first else { throw malformed("a parameter without a tensor") }
      return first
    case "torch.Size", "torch.device", "torch.serialization._get_layout": return argument
    default: throw malformed("'\(name)' is called, which tensors do not need")
    }
  }

  /// The keys and values of a dictionary that is made of a list of pairs, as Python 2 wrote them.
  private mutating func dictionary(_ source: PickleValue?) throws -> [PickleValue] {
    guard case .list(let list)? = source else { return [] }
    let items = result.containers[list]
    // A list that is recalled time and again makes much of little; written out, a pair takes more than a byte.
    copied += items.count
    guard copied <= data.count else { throw malformed("OrderedDicts of more pairs than the file holds") }
    return try items.flatMap { item in
      guard let pair = result.items(item), pair.count == 2 else {
        throw malformed("an OrderedDict made of something other than pairs")
      }
      return pair
    }
  }
}
