import Components
import Foundation

/// What a pickle may hold here: plain values, tensors' parts, and placeholders for all that would have to be executed.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case bytes(Data)
  /// The number of a container in ``Pickled/containers``; see there for why.
  case tuple(Int), list(Int), dictionary(Int)
  /// A class or function by its full name: a name, nothing more.
  case global(String)
  case storage(PickleStorage)
  /// A view into a storage.
  indirect case tensor(PickleTensor)
  /// The number of a placeholder in ``Pickled/objects``.
  case object(Int)

  var string: String? { if case .string(let value) = self { value } else { nil } }
  var int: Int? { if case .int(let value) = self { value } else { nil } }
  var global: String? { if case .global(let value) = self { value } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
}

/// A storage as a pickle names it.
struct PickleStorage: Hashable {
  /// Its class, such as `torch.FloatStorage`.
  let type: String
  /// What the file calls it.
  let key: String
  /// Where it begins, in elements, within the storage of that key.
  var offset = 0

  /// What its elements are, where they can be read.
  var element: ElementType? { Self.elements[type] }

  /// Bytes per element; nil for classes that are not known.
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

/// A view into a storage, as the file states it.
struct PickleTensor: Hashable {
  /// What its elements are, and what the file calls that; nil for what cannot be read.
  let element: ElementType?
  let type: String
  /// The storage's key.
  let storage: String
  /// In elements, as the strides.
  let offset: Int
  let shape, strides: [Int]
  /// Whether the elements stand for others: their negatives or conjugates.
  let isAltered: Bool
}

/// What a class or function would have made, had it been called: what it was called with, and what was put into it after.
struct PickleObject {
  /// The full name of the class or function.
  let type: String
  /// What it would have been called with.
  let arguments: [PickleValue]
  /// Its attributes, or what it makes them of.
  var state: PickleValue?
  /// What was added to it as to a list or a set.
  var items: [PickleValue] = []
  /// Keys and values that were set as in a dictionary, by turns.
  var entries: [PickleValue] = []
}

/// A pickle's value with all containers in it.
struct Pickled {
  var value = PickleValue.none
  /// The items of all tuples and lists, and the keys and values of all dictionaries by turns. Side by side instead of one
  /// in another they may nest as deeply, or refer to each other in whatever circle, as a hostile file likes: none of it
  /// takes recursion to release.
  var containers: [[PickleValue]] = []
  /// Placeholders, side by side for the same reason.
  var objects: [PickleObject] = []
  /// All storages that it names, by their keys.
  var storages: [String: PickleStorage] = [:]

  /// The items of a tuple or a list.
  func items(_ value: PickleValue) -> [PickleValue]? {
    switch value {
    case .tuple(let index), .list(let index): containers[index]
    default: nil
    }
  }

  /// The keys and values of a dictionary, in the order in which they were set; also of a placeholder that is used as one.
  func entries(_ value: PickleValue) -> [(key: PickleValue, value: PickleValue)]? {
    let items: [PickleValue]
    switch value {
    case .dictionary(let index): items = containers[index]
    case .object(let index): items = objects[index].entries
    default: return nil
    }
    return stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) }
  }

  /// The value that a dictionary has for a text; of several the last.
  func value(of key: String, in value: PickleValue) -> PickleValue? {
    entries(value)?.last { $0.key.string == key }?.value
  }

  /// A tensor's sizes or strides.
  func axes(_ value: PickleValue) -> [Int]? {
    guard let items = items(value), items.count <= StridedPositions.largestRank else { return nil }
    let axes = items.compactMap(\.int)
    return axes.count == items.count ? axes : nil
  }
}
