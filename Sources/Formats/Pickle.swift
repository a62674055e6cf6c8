import Foundation

/// An interpreter of all pickle opcodes, protocols 0 to 5 (docs.python.org/3/library/pickletools). It never imports or
/// calls anything: the functions that build tensors are imitated here, and every other class or function becomes a
/// ``PickleObject``, a placeholder with its name.
struct Pickle {
  private var input: PickleInput
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  var result = Pickled()
  private var copied = 0

  /// Interprets the pickle that begins at `position`, and moves `position` past its end.
  static func load(_ data: Data, at position: inout Int, file: String, entry: String) throws -> Pickled {
    var machine = Pickle(input: PickleInput(data, at: position, file: file, entry: entry))
    defer { position = machine.input.position }
    machine.result.value = try machine.run()
    return machine.result
  }

  private init(input: PickleInput) { self.input = input }

  func malformed(_ message: String) -> FileError { input.malformed(message) }

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

  mutating func container(_ items: [PickleValue]) -> Int {
    result.containers.append(items)
    return result.containers.count - 1
  }

  mutating func object(_ type: String, _ arguments: [PickleValue], items: [PickleValue] = []) -> PickleValue {
    result.objects.append(PickleObject(type: type, arguments: arguments, items: items))
    return .object(result.objects.count - 1)
  }

  private func recalled(_ key: Int) throws -> PickleValue {
    guard let value = memo[key] else { throw malformed("nothing was memoized as \(key)") }
    return value
  }

  // MARK: Opcodes

  private mutating func run() throws -> PickleValue {
    while true {
      let opcode = try input.byte()
      if opcode == UInt8(ascii: ".") { return try pop() }
      if let plain = try plainValue(opcode) {
        stack.append(plain)
      } else if let made = try madeValue(opcode) {
        stack.append(made)
      } else {
        try perform(opcode)
      }
    }
  }

  /// The value of an opcode that carries its value in the file, such as a number or a text; nil for any other opcode.
  private mutating func plainValue(_ opcode: UInt8) throws -> PickleValue? {
    switch opcode {
    case UInt8(ascii: "N"): return PickleValue.none
    case 0x88: return .bool(true)
    case 0x89: return .bool(false)
    case UInt8(ascii: "K"): return .int(try input.unsigned(1))
    case UInt8(ascii: "M"): return .int(try input.unsigned(2))
    case UInt8(ascii: "J"): return .int(Int(Int32(truncatingIfNeeded: try input.unsigned(4))))
    case UInt8(ascii: "I"), UInt8(ascii: "L"): return try input.decimal()
    case 0x8a: return try input.long(try input.unsigned(1))
    case 0x8b: return try input.long(try input.unsigned(4))
    case UInt8(ascii: "F"):
      let line = try input.line()
      guard let value = Double(line) else { throw malformed("'\(line.prefix(40))' is no number") }
      return .float(value)
    case UInt8(ascii: "G"):
      let bits = try input.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return .float(Double(bitPattern: bits))
    case UInt8(ascii: "S"): return .string(try input.quoted())
    case UInt8(ascii: "V"): return .string(try input.line())
    case UInt8(ascii: "X"), UInt8(ascii: "T"): return .string(try input.text(try input.unsigned(4)))
    case 0x8c, UInt8(ascii: "U"): return .string(try input.text(try input.unsigned(1)))
    case 0x8d: return .string(try input.text(try input.unsigned(8)))
    case UInt8(ascii: "C"): return .bytes(try input.bytes(try input.unsigned(1)))
    case UInt8(ascii: "B"): return .bytes(try input.bytes(try input.unsigned(4)))
    case 0x8e, 0x96: return .bytes(try input.bytes(try input.unsigned(8)))
    case UInt8(ascii: "c"):
      let module = try input.line()
      return .global(module + "." + (try input.line()))
    // Classes registered by number in copyreg's extension registry.
    case 0x82: return .global("copyreg.extension_\(try input.unsigned(1))")
    case 0x83: return .global("copyreg.extension_\(try input.unsigned(2))")
    case 0x84: return .global("copyreg.extension_\(try input.unsigned(4))")
    default: return nil
    }
  }

  /// The value of an opcode that builds a value from others on the stack, or recalls one from the memo; nil for any
  /// other opcode.
  private mutating func madeValue(_ opcode: UInt8) throws -> PickleValue? {
    switch opcode {
    case UInt8(ascii: ")"): return .tuple(container([]))
    case UInt8(ascii: "t"): return .tuple(container(try popToMark()))
    case 0x85: return .tuple(container([try pop()]))
    case 0x86:
      let second = try pop()
      return .tuple(container([try pop(), second]))
    case 0x87:
      let (third, second) = (try pop(), try pop())
      return .tuple(container([try pop(), second, third]))
    case UInt8(ascii: "]"): return .list(container([]))
    case UInt8(ascii: "l"): return .list(container(try popToMark()))
    case UInt8(ascii: "}"): return .dictionary(container([]))
    case UInt8(ascii: "d"): return .dictionary(container(try pairs(try popToMark())))
    case 0x8f: return object("builtins.set", [])
    case 0x91: return object("builtins.frozenset", [], items: try popToMark())
    case UInt8(ascii: "2"): return try top()
    case UInt8(ascii: "h"): return try recalled(try input.unsigned(1))
    case UInt8(ascii: "j"): return try recalled(try input.unsigned(4))
    case UInt8(ascii: "g"):
      guard let key = try input.decimal().int else { throw malformed("a recalled value without a number") }
      return try recalled(key)
    case 0x93:
      guard let name = try pop().string, let module = try pop().string else {
        throw malformed("a class without a name")
      }
      return .global(module + "." + name)
    case UInt8(ascii: "Q"): return persistent(try pop())
    case UInt8(ascii: "P"):
      throw malformed("protocol 0, in which PyTorch cannot read its own tensors; write the file with a later one")
    case UInt8(ascii: "R"), 0x81:
      let arguments = try pop()
      return try called(try pop(), arguments)
    case 0x92:
      // NEWOBJ_EX: the keyword arguments are on top of the stack.
      let (names, arguments) = (try pop(), try pop())
      return object(name(try pop()), (result.items(arguments) ?? []) + [names])
    case UInt8(ascii: "o"):
      let parts = try popToMark()
      guard let type = parts.first else { throw malformed("an object without a class") }
      return try called(type, .tuple(container(Array(parts.dropFirst()))))
    case UInt8(ascii: "i"):
      let module = try input.line()
      let type = PickleValue.global(module + "." + (try input.line()))
      return try called(type, .tuple(container(try popToMark())))
    default: return nil
    }
  }

  /// Executes an opcode that changes a value on the stack, or the state of the interpreter.
  private mutating func perform(_ opcode: UInt8) throws {
    switch opcode {
    case 0x80: _ = try input.byte()  // PROTO
    case 0x95: _ = try input.bytes(8)  // FRAME
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"):
      // As in Python, POP removes the mark if nothing is above it.
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "a"):
      let item = try pop()
      try append([item])
    case UInt8(ascii: "e"), 0x90:
      let items = try popToMark()
      try append(items)
    case UInt8(ascii: "s"):
      let value = try pop()
      let key = try pop()
      try insert([key, value])
    case UInt8(ascii: "u"):
      let items = try popToMark()
      try insert(items)
    case UInt8(ascii: "q"): memo[try input.unsigned(1)] = try top()
    case UInt8(ascii: "r"): memo[try input.unsigned(4)] = try top()
    case UInt8(ascii: "p"):
      guard let key = try input.decimal().int else { throw malformed("a memoized value without a number") }
      memo[key] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "b"):
      // BUILD sets attributes. Those of dictionaries (`_metadata`) and tensors are not needed.
      let state = try pop()
      if case .object(let index) = try top() { result.objects[index].state = state }
    case 0x97, 0x98: throw malformed("bytes that stand outside of the pickle, which no file has")
    case let other: throw malformed("the opcode \(String(other, radix: 16)), which does not exist")
    }
  }

  private func pairs(_ items: [PickleValue]) throws -> [PickleValue] {
    guard items.count % 2 == 0 else { throw malformed("a key without a value") }
    return items
  }

  // The methods below inspect the top of the stack, so their callers pop the arguments first.
  private mutating func append(_ items: [PickleValue]) throws {
    switch try top() {
    case .list(let list): result.containers[list] += items
    case .object(let index): result.objects[index].items += items
    default: throw malformed("items for something other than a list")
    }
  }

  private mutating func insert(_ items: [PickleValue]) throws {
    let items = try pairs(items)
    switch try top() {
    case .dictionary(let dictionary): result.containers[dictionary] += items
    case .object(let index): result.objects[index].entries += items
    default: throw malformed("keys for something other than a dictionary")
    }
  }

  /// Counts the items that are copied out of containers, and throws if they exceed the file's size. A hostile file can
  /// recall one container many times and so build much from little; an item that is written out takes more than a byte.
  mutating func count(copied items: Int) throws {
    copied += items
    guard copied <= input.count else { throw malformed("dictionaries made of more pairs than the file holds") }
  }
}
