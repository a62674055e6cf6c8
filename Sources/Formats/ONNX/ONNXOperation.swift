import Foundation
import Tensors

/// A node of a graph, with those of its fields that help to find and name parameters.
struct ONNXOperation {
  private(set) var kind = ""
  private(set) var inputs: [String] = []
  private(set) var outputs: [String] = []
  private var name = ""
  private var attributes: [Data] = []
  /// The path of modules that contain the node, from the outermost, which has no name, to PyTorch's own name for the
  /// operation.
  private(set) var modules: [String] = []

  /// Parses a `NodeProto`.
  init(_ node: Data) throws {
    for case (let field, .bytes(let bytes)) in try ProtobufReader.fields(node) {
      let text = String(decoding: bytes, as: UTF8.self)
      switch field {
      case 1: inputs.append(text)
      case 2: outputs.append(text)
      case 3: name = text
      case 4: kind = text
      case 5: attributes.append(bytes)
      case 9:
        let entry = try ProtobufReader.pair(bytes)
        guard entry.key == "pkg.torch.onnx.name_scopes" else { continue }
        // The value is a Python list in text form: every second part between quotes is a name, the others are commas.
        modules = entry.value.split(separator: "'", omittingEmptySubsequences: false).enumerated()
          .filter { $0.offset % 2 == 1 }.map { String($0.element) }
      default: break
      }
    }
  }

  /// Whether the node is part of a linear layer.
  var isLinear: Bool { modules.last?.hasPrefix("linear") ?? false }

  /// The name of the module that the node belongs to; nil if unknown.
  var module: String? {
    if let module = modules.dropLast().last { return module.isEmpty ? nil : module }
    // A part that extends the one before it (`layer1`, `layer1.0`) replaces it.
    var parts: [Substring] = []
    for part in name.split(separator: "/").dropLast() {
      if let last = parts.last, part.hasPrefix(last + ".") { parts.removeLast() }
      parts.append(part)
    }
    return parts.isEmpty ? nil : parts.joined(separator: ".")
  }

  /// The integers of an attribute; empty if the node does not have it.
  func integers(_ name: String) throws -> [Int] {
    for attribute in attributes {
      let fields = try ProtobufReader.fields(attribute)
      guard Self.name(fields) == name else { continue }
      return try fields.flatMap { field, value -> [Int] in
        switch (field, value) {
        case (3, .number(let number)), (8, .number(let number)): [Int(truncatingIfNeeded: number)]
        case (8, .bytes(let bytes)): try ProtobufReader.packed(bytes).map { Int(truncatingIfNeeded: $0) }
        default: []
        }
      }
    }
    return []
  }

  /// The value of a `Constant` node: a tensor, a sparse tensor or floating-point numbers; nil for values that cannot be
  /// parameters.
  func constant(_ path: String, _ elsewhere: inout ExternalElements) throws -> StoredTensor? {
    for attribute in attributes {
      let fields = try ProtobufReader.fields(attribute)
      let kind = Self.name(fields)
      for (field, value) in fields {
        switch (kind, field, value) {
        case ("value", 5, .bytes(let tensor)): return try ONNXTensor.read(tensor, path, &elsewhere)
        case ("sparse_value", 22, .bytes(let tensor)): return try ONNXTensor.read(sparse: tensor, path, &elsewhere)
        case ("value_float", 2, .number(let bits)):
          return StoredTensor(name: "", Tensor(Double(Self.float(bits)), .float32))
        default: break
        }
      }
      guard kind == "value_floats" else { continue }
      let numbers = fields.flatMap { field, value -> [Float] in
        switch (field, value) {
        case (7, .number(let bits)): [Self.float(bits)]
        case (7, .bytes(let bytes)):
          stride(from: bytes.startIndex, to: bytes.endIndex - 3, by: 4).map { start in
            Self.float(bytes[start..<(start + 4)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
          }
        default: []
        }
      }
      return StoredTensor(name: "", Tensor(numbers, shape: [numbers.count]))
    }
    return nil
  }

  private static func name(_ fields: [(field: Int, value: ProtobufReader.Value)]) -> String {
    for case (1, .bytes(let text)) in fields { return String(decoding: text, as: UTF8.self) }
    return ""
  }

  private static func float(_ bits: UInt64) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }
}
