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
  /// The parameters in a file, by the names that they have in PyTorch's state dict: the names of the graph's tensors, or what
  /// their operations tell; see `ONNXParameters`.
  ///
  /// Elements that stand in another file, as `torch.onnx.export` and all large models have them, are read from there; it lies in
  /// the model's folder or below.
  ///
  /// - Throws: a ``FileError`` if the file is not an ONNX model, or its tensors' elements are not where it says.
  public static func readWeights(_ path: String) throws -> NamedTensors {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "ONNX: " + message) }
    do {
      var (weights, metadata, hasGraph) = (NamedTensors(), [String: String](), false)
      var elsewhere = ExternalElements(model: path)
      for (field, value) in try ProtobufReader.fields(try Files.read(path)) {
        guard case .bytes(let bytes) = value else { continue }
        if field == 7 {
          hasGraph = true
          let graph = try ProtobufReader.fields(bytes)
          var parameters = ONNXParameters()
          for case (5, .bytes(let tensor)) in graph {
            let (name, value) = try Self.tensor(tensor, &elsewhere)
            parameters.add(name, value)
          }
          for case (1, .bytes(let node)) in graph { try parameters.take(node) }
          weights = parameters.named
        } else if field == 14 {
          let entry = try ProtobufReader.pair(bytes)
          metadata[entry.key] = entry.value
        }
      }
      guard hasGraph else { throw malformed("no graph in it") }
      weights.metadata = metadata
      return weights
    } catch let error as ProtobufReader.Malformed { throw malformed(error.message) }
  }

  private static func tensor(
    _ data: Data, _ elsewhere: inout ExternalElements
  ) throws -> (name: String, value: Tensor) {
    var (name, shape, code, raw) = ("", [Int](), 0, Data?.none)
    var (floats, doubles, integers) = (Data(), Data(), [UInt64]())
    var (isElsewhere, place) = (false, [String: String]())
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
      case (13, .bytes(let entry)):
        let entry = try ProtobufReader.pair(entry)
        place[entry.key] = entry.value
      case (14, .number(let number)): isElsewhere = number == 1
      default: break
      }
    }
    func malformed(_ message: String) -> ProtobufReader.Malformed { .init(message: "'\(name)' " + message) }
    guard let type = ONNXElement.type(code) else { throw malformed("has elements of the unknown kind \(code)") }
    guard let count = StridedPositions.count(shape) else { throw malformed("has the impossible shape \(shape)") }
    let bytes: Data
    if isElsewhere {
      bytes = try elsewhere.bytes(of: name, at: place)
    } else if let raw {
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
