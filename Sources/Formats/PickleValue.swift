import Components
import Foundation

/// A value in a pickle: a plain value, a part of a tensor, or a placeholder for an object that only executing code
/// could build.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case bytes(Data)
  /// The index of a container in ``Pickled/containers``, where the reason for indices is given.
  case tuple(Int), list(Int), dictionary(Int)
  /// The full name of a class or function, which is never resolved.
  case global(String)
  case storage(PickleStorage)
  /// A view into a storage.
  indirect case tensor(PickleTensor)
  /// The index of a placeholder in ``Pickled/objects``.
  case object(Int)

  var string: String? { if case .string(let value) = self { value } else { nil } }
  var int: Int? { if case .int(let value) = self { value } else { nil } }
  var global: String? { if case .global(let value) = self { value } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
}

/// A reference to a storage in a pickle.
struct PickleStorage: Hashable {
  /// Its class, such as `torch.FloatStorage`.
  let type: String
  /// The key of the storage in the file.
  let key: String
  /// The offset in elements within the storage with that key.
  var offset = 0

  /// The element type; nil if it cannot be read.
  var element: ElementType? { Self.elements[type] }

  /// The size of an element in bytes; nil for unknown classes.
  var elementSize: Int? { element?.size ?? Self.sizes[type] ?? (type.hasSuffix("UntypedStorage") ? 1 : nil) }

  private static let elements: [String: ElementType] = [
    "torch.FloatStorage": .float32, "torch.DoubleStorage": .float64, "torch.HalfStorage": .float16,
    "torch.BFloat16Storage": .bfloat16, "torch.LongStorage": .int64, "torch.IntStorage": .int32,
    "torch.ShortStorage": .int16, "torch.CharStorage": .int8, "torch.ByteStorage": .uint8, "torch.BoolStorage": .bool,
  ]
  private static let sizes = [
    "torch.ComplexFloatStorage": 8, "torch.ComplexDoubleStorage": 16, "torch.QInt8Storage": 1, "torch.QUInt8Storage": 1,
    "torch.QInt32Storage": 4, "torch.QUInt4x2Storage": 1, "torch.QUInt2x4Storage": 1,
  ]
}

/// A strided view of a storage.
struct PickleTensor: Hashable {
  /// The element type, nil if it cannot be read, and its name in the file.
  let element: ElementType?
  let type: String
  /// The storage's key.
  let storage: String
  /// The offset in the storage in elements; the strides are in elements too.
  let offset: Int
  let shape, strides: [Int]
  /// Whether the stored elements have to be negated or conjugated.
  let isAltered: Bool
}

/// A placeholder for the result of a class or function that is not called. It holds the arguments of the call and
/// everything that was set on the result later.
struct PickleObject {
  /// The full name of the class or function.
  let type: String
  /// The arguments of the call.
  let arguments: [PickleValue]
  /// The state passed to `__setstate__`: its attributes or something that it computes them from.
  var state: PickleValue?
  /// The items appended to it as to a list or a set.
  var items: [PickleValue] = []
  /// The alternating keys and values that were set on it as on a dictionary.
  var entries: [PickleValue] = []
}

/// The value of a pickle together with all containers and placeholders in it.
struct Pickled {
  var value = PickleValue.none
  /// The items of all tuples and lists, and the alternating keys and values of all dictionaries. Values refer to
  /// containers by index instead of owning them. So a hostile file may nest them as deeply as it likes, or build
  /// cycles, and no recursion is needed to free them.
  var containers: [[PickleValue]] = []
  /// All placeholders; values refer to them by index for the same reason.
  var objects: [PickleObject] = []
  /// All storages in the pickle, by key.
  var storages: [String: PickleStorage] = [:]

  /// The items of a tuple or a list; nil for any other value.
  func items(_ value: PickleValue) -> [PickleValue]? {
    switch value {
    case .tuple(let index), .list(let index): containers[index]
    default: nil
    }
  }

  /// The keys and values of a dictionary, or of a placeholder that is used as one, in the order in which they were set;
  /// nil for any other value.
  func entries(_ value: PickleValue) -> [(key: PickleValue, value: PickleValue)]? {
    let items: [PickleValue]
    switch value {
    case .dictionary(let index): items = containers[index]
    case .object(let index): items = objects[index].entries
    default: return nil
    }
    return stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) }
  }

  /// The value of a text key in a dictionary; the last one if the key was set several times.
  func value(of key: String, in value: PickleValue) -> PickleValue? {
    entries(value)?.last { $0.key.string == key }?.value
  }

  /// The sizes or strides of a tensor; nil if the value is not a list of at most ``StridedPositions/largestRank``
  /// integers.
  func axes(_ value: PickleValue) -> [Int]? {
    guard let items = items(value), items.count <= StridedPositions.largestRank else { return nil }
    let axes = items.compactMap(\.int)
    return axes.count == items.count ? axes : nil
  }
}
