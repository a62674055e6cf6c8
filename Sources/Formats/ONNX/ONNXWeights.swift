import Foundation
import Tensors

/// The element types of ONNX's tensors, by their codes.
enum ONNXElement {
  static func code(_ type: ScalarType) -> Int { type == .float32 ? 1 : 11 }

  static func type(_ code: Int) -> ElementType? {
    switch code {
    case 1: .float32
    case 2: .uint8
    case 3: .int8
    case 5: .int16
    case 6: .int32
    case 7: .int64
    case 9: .bool
    case 10: .float16
    case 11: .float64
    case 16: .bfloat16
    default: nil
    }
  }
}

extension ONNXModel {
  /// The parameters in a file, by the names that they have in PyTorch's state dict. Those are the names of the graph's
  /// tensors, but for convolutions into which PyTorch's exporter has folded a batch norm and for linear layers that it has
  /// transposed: their tensors are named by number (`onnx::Conv_123`), and the names come from the operation's
  /// (`/layer1/layer1.0/conv1/Conv`). Tensors that are equal stand
  /// in the file once, with operations that give them their other names.
  ///
  /// - Throws: a ``FileError`` if the file is not an ONNX model, or keeps its tensors in other files.
  public static func readWeights(_ path: String) throws -> NamedTensors {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "ONNX: " + message) }
    do {
      var (weights, metadata, hasGraph) = (NamedTensors(), [String: String](), false)
      for (field, value) in try ProtobufReader.fields(try Files.read(path)) {
        guard case .bytes(let bytes) = value else { continue }
        if field == 7 {
          hasGraph = true
          let graph = try ProtobufReader.fields(bytes)
          var tensors: [String: Tensor] = [:]
          for case (5, .bytes(let tensor)) in graph {
            let (name, value) = try Self.tensor(tensor)
            tensors[name] = value
            if isParameter(name) { weights[name] = value }
          }
          for case (1, .bytes(let node)) in graph { try name(&tensors, by: node, &weights) }
        } else if field == 14 {
          let entry = try ProtobufReader.fields(bytes)
          var texts = [1: "", 2: ""]
          for case (let field, .bytes(let text)) in entry { texts[field] = String(decoding: text, as: UTF8.self) }
          metadata[texts[1] ?? ""] = texts[2]
        }
      }
      guard hasGraph else { throw malformed("no graph in it") }
      weights.metadata = metadata
      return weights
    } catch let error as ProtobufReader.Malformed { throw malformed(error.message) }
  }

  private static func isParameter(_ name: String) -> Bool { name.contains(".") && !name.contains("::") }

  /// Takes the names that an operation gives to tensors.
  private static func name(_ tensors: inout [String: Tensor], by node: Data, _ weights: inout NamedTensors) throws {
    var (inputs, outputs, name, operation) = ([String](), [String](), "", "")
    for case (let field, .bytes(let bytes)) in try ProtobufReader.fields(node) {
      let text = String(decoding: bytes, as: UTF8.self)
      switch field {
      case 1: inputs.append(text)
      case 2: outputs.append(text)
      case 3: name = text
      case 4: operation = text
      default: break
      }
    }
    if operation == "Identity", let input = inputs.first, let output = outputs.first, let value = tensors[input] {
      tensors[output] = value
      if isParameter(output) { weights[output] = value }
    }
    guard ["Conv", "MatMul"].contains(operation), inputs.count > 1, !isParameter(inputs[1]) else { return }
    // A part that begins with the one before it (`layer1`, `layer1.0`) says the same and more.
    var parts: [Substring] = []
    for part in name.split(separator: "/").dropLast() {
      if let last = parts.last, part.hasPrefix(last + ".") { parts.removeLast() }
      parts.append(part)
    }
    for (input, kind) in zip(inputs.dropFirst(), ["weight", "bias"]) {
      guard let value = tensors[input], !parts.isEmpty else { continue }
      if operation == "MatMul" && value.rank != 2 { continue }
      weights[parts.joined(separator: ".") + "." + kind] = operation == "Conv" ? value : value.permuted([1, 0])
    }
  }

  private static func tensor(_ data: Data) throws -> (name: String, value: Tensor) {
    var (name, shape, code, raw) = ("", [Int](), 0, Data?.none)
    var (floats, doubles, integers) = (Data(), Data(), [UInt64]())
    var isElsewhere = false
    for (field, value) in try ProtobufReader.fields(data) {
      switch (field, value) {
      case (1, .number(let size)): shape.append(Int(truncatingIfNeeded: Int64(bitPattern: size)))
      case (1, .bytes(let sizes)):
        shape += try ProtobufReader.packed(sizes).map { Int(truncatingIfNeeded: Int64(bitPattern: $0)) }
      case (2, .number(let number)): code = Int(clamping: number)
      case (4, .bytes(let bytes)): floats.append(bytes)
      case (5, .bytes(let bytes)), (7, .bytes(let bytes)): integers += try ProtobufReader.packed(bytes)
      case (5, .number(let number)), (7, .number(let number)): integers.append(number)
      case (8, .bytes(let bytes)): name = String(decoding: bytes, as: UTF8.self)
      case (9, .bytes(let bytes)): raw = bytes
      case (10, .bytes(let bytes)): doubles.append(bytes)
      case (14, .number(let place)): isElsewhere = place == 1
      default: break
      }
    }
    func malformed(_ message: String) -> ProtobufReader.Malformed { .init(message: "'\(name)' " + message) }
    guard !isElsewhere else { throw malformed("has its elements in another file, which is not read") }
    guard let type = ONNXElement.type(code) else { throw malformed("has elements of the unknown kind \(code)") }
    guard let count = StridedPositions.count(shape) else { throw malformed("has the impossible shape \(shape)") }
    let bytes: Data
    if let raw {
      bytes = raw
    } else if type == .float32 {
      bytes = floats
    } else if type == .float64 {
      bytes = doubles
    } else {
      // Numbers smaller than their field, halves as their bits among them.
      let size = type.size
      bytes = Data(
        integers.flatMap { number in (0..<size).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) } })
    }
    guard count <= bytes.count, bytes.count == count * type.size else {
      throw malformed("of \(shape) does not fit its \(bytes.count) bytes")
    }
    let positions = StridedPositions(contiguous: shape)
    return (name, type.tensor(Data(bytes), at: 0, shape: shape, positions: positions))
  }
}
