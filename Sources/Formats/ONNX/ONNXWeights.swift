import Foundation
import Tensors

/// Converts between element types and their codes in ONNX.
enum ONNXElement {
  static func code(_ type: ScalarType) -> Int { type == .float32 ? 1 : 11 }

  static func type(_ code: Int) -> ElementType? {
    switch code {
    case 1: .float32
    case 2: .uint8
    case 3: .int8
    case 4: .uint16
    case 5: .int16
    case 6: .int32
    case 7: .int64
    case 9: .bool
    case 10: .float16
    case 11: .float64
    case 12: .uint32
    case 13: .uint64
    case 16: .bfloat16
    case 17: .float8e4m3
    case 19: .float8e5m2
    default: nil
    }
  }
}

extension ONNXModel {
  /// Opens a model and finds its parameters, by their names in PyTorch's state dict; see ``ONNXParameters``.
  ///
  /// Elements may be in other files in the model's folder or below, as `torch.onnx.export` and all large models have
  /// them.
  ///
  /// - Throws: a ``FileError`` if the file is not an ONNX model, has no parameters, or the elements of its tensors are
  ///   missing.
  static func openWeights(_ path: String) throws -> StoredWeights {
    func malformed(_ message: String) -> FileError { FileError(.malformed, path, "ONNX: " + message) }
    do {
      var (weights, metadata) = ([StoredTensor]?.none, [String: String]())
      var elsewhere = ExternalElements(model: path)
      for (field, value) in try ProtobufReader.fields(try Files.read(path)) {
        guard case .bytes(let bytes) = value else { continue }
        if field == 7 {
          let graph = try ProtobufReader.fields(bytes)
          var parameters = ONNXParameters(path)
          for (field, value) in graph {
            guard case .bytes(let tensor) = value else { continue }
            switch field {
            case 5: parameters.add(try ONNXTensor.read(tensor, path, &elsewhere))
            case 15: parameters.add(try ONNXTensor.read(sparse: tensor, path, &elsewhere))
            default: break
            }
          }
          for case (1, .bytes(let node)) in graph { try parameters.take(node, &elsewhere) }
          weights = parameters.named
        } else if field == 14 {
          let entry = try ProtobufReader.pair(bytes)
          metadata[entry.key] = entry.value
        }
      }
      guard let weights else { throw malformed("no graph in it") }
      return try StoredWeights(path, weights, metadata: metadata)
    } catch let error as ProtobufReader.Malformed { throw malformed(error.message) }
  }
}

/// Parses tensors in ONNX models.
enum ONNXTensor {
  /// Parses a `TensorProto`. Elements of an unsupported type are an error only when they are read.
  static func read(_ data: Data, _ path: String, _ elsewhere: inout ExternalElements) throws -> StoredTensor {
    var (name, shape, code, raw) = ("", [Int](), 0, Data?.none)
    var (floats, doubles, integers) = (Data(), Data(), [UInt64]())
    var (isElsewhere, place) = (false, [String: String]())
    for (field, value) in try ProtobufReader.fields(data) {
      switch (field, value) {
      case (1, .number(let size)): shape.append(Int(truncatingIfNeeded: Int64(bitPattern: size)))
      case (1, .bytes(let sizes)): shape += try sizesOf(sizes)
      case (2, .number(let number)): code = Int(clamping: number)
      case (4, .bytes(let bytes)): floats.append(bytes)
      case (4, .number(let bits)):
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: bits).littleEndian) { floats.append(contentsOf: $0) }
      case (5, .bytes(let bytes)), (7, .bytes(let bytes)), (11, .bytes(let bytes)):
        integers += try ProtobufReader.packed(bytes)
      case (5, .number(let number)), (7, .number(let number)), (11, .number(let number)): integers.append(number)
      case (8, .bytes(let bytes)): name = String(decoding: bytes, as: UTF8.self)
      case (9, .bytes(let bytes)): raw = bytes
      case (10, .bytes(let bytes)): doubles.append(bytes)
      case (10, .number(let bits)): withUnsafeBytes(of: bits.littleEndian) { doubles.append(contentsOf: $0) }
      case (13, .bytes(let entry)):
        let entry = try ProtobufReader.pair(entry)
        place[entry.key] = entry.value
      case (14, .number(let number)): isElsewhere = number == 1
      default: break
      }
    }
    func malformed(_ message: String) -> ProtobufReader.Malformed { .init(message: "'\(name)' " + message) }
    guard let count = StridedPositions.count(shape) else { throw malformed("has the impossible shape \(shape)") }
    guard let type = ONNXElement.type(code) else {
      return unreadable(name, shape, path, "has elements of the kind \(code), which is not read")
    }
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
      // Small integers, and float16 as its bits, are stored in larger integer fields.
      let size = type.size
      bytes = Data(
        integers.flatMap { number in (0..<size).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) } })
    }
    guard count <= bytes.count, bytes.count == count * type.size else {
      throw malformed("of \(shape) does not fit its \(bytes.count) bytes")
    }
    let positions = StridedPositions(contiguous: shape)
    return StoredTensor(name: name, type.tensor(bytes, at: 0, shape: shape, positions: positions), type: type)
  }

  private static func sizesOf(_ packed: Data) throws -> [Int] {
    try ProtobufReader.packed(packed).map { Int(truncatingIfNeeded: Int64(bitPattern: $0)) }
  }

  /// A tensor in a form that cannot be read; reading it throws an error with the reason.
  static func unreadable(_ name: String, _ shape: [Int]?, _ path: String, _ reason: String) -> StoredTensor {
    StoredTensor(name: name, shape: shape, type: "not read", isReadable: false) {
      throw FileError(.malformed, path, "ONNX: '\(name)' " + reason)
    }
  }

  /// The largest ratio of a sparse tensor's size to its number of stored elements.
  private static let largestSparsity = 1000

  /// Parses a `SparseTensorProto`: values, their positions as linear indices or as one index per axis, and the shape.
  /// All other elements are 0.
  static func read(sparse data: Data, _ path: String, _ elsewhere: inout ExternalElements) throws -> StoredTensor {
    var (values, places, shape) = (StoredTensor?.none, StoredTensor?.none, [Int]())
    for (field, value) in try ProtobufReader.fields(data) {
      switch (field, value) {
      case (1, .bytes(let tensor)): values = try read(tensor, path, &elsewhere)
      case (2, .bytes(let tensor)): places = try read(tensor, path, &elsewhere)
      case (3, .number(let size)): shape.append(Int(truncatingIfNeeded: Int64(bitPattern: size)))
      case (3, .bytes(let sizes)): shape += try sizesOf(sizes)
      default: break
      }
    }
    let name = values?.name ?? ""
    func malformed(_ message: String) -> ProtobufReader.Malformed { .init(message: "'\(name)' " + message) }
    guard let values, let places, values.shape?.count == 1, let stored = values.shape?.first,
      let count = StridedPositions.count(shape), count <= largestSparsity * (stored + 64),
      places.shape == [stored] || places.shape == [stored, shape.count]
    else { throw malformed("is a sparse tensor of \(shape) that its values and their places do not fit") }
    let strides = StridedPositions(contiguous: shape).strides
    let steps = places.shape?.count == 2 ? strides : [1]
    return StoredTensor(name: name, shape: shape, type: values.type, isReadable: values.isReadable) {
      let (values, numbers) = (try values.read(), try places.read().doubles)
      var elements = [Double](repeating: 0, count: count)
      for (index, value) in values.doubles.enumerated() {
        let place = zip(steps, numbers[(index * steps.count)...]).reduce(0.0) { $0 + Double($1.0) * $1.1 }
        guard let place = Int(exactly: place), elements.indices.contains(place) else {
          throw FileError(.malformed, path, "ONNX: '\(name)' has an element outside of \(shape)")
        }
        elements[place] = value
      }
      return Tensor(elements, shape: shape).converted(to: values.scalarType)
    }
  }
}
