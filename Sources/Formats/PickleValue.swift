import Foundation

/// What a pickle may hold here: plain values, and tensors' parts. Nothing that would have to be executed.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case bytes(Data)
  /// The number of a container in ``Pickled/containers``; see there for why.
  case tuple(Int), list(Int), dictionary(Int)
  /// A class or function by its full name; only those in ``Pickle/known`` get this far.
  case global(String)
  /// A storage: its element type, and key.
  case storage(type: ElementType, key: String)
  /// A view into a storage.
  indirect case tensor(PickleTensor)

  var string: String? { if case .string(let value) = self { value } else { nil } }
  var int: Int? { if case .int(let value) = self { value } else { nil } }
}

/// A view into a storage, as the file states it.
struct PickleTensor: Hashable {
  let type: ElementType
  let storage: String
  let offset: Int
  let shape, strides: [Int]
}

/// A pickle's value with all containers in it.
struct Pickled {
  var value = PickleValue.none
  /// The items of all tuples and lists, and the keys and values of all dictionaries by turns. Side by side instead of one
  /// in another they may nest as deeply, or refer to each other in whatever circle, as a hostile file likes: none of it
  /// takes recursion to release.
  var containers: [[PickleValue]] = []
  /// The element types of all storages that it names.
  var storages: [String: ElementType] = [:]

  /// The items of a tuple or a list.
  func items(_ value: PickleValue) -> [PickleValue]? {
    switch value {
    case .tuple(let index), .list(let index): containers[index]
    default: nil
    }
  }

  /// The keys and values of a dictionary, in the order in which they were set.
  func entries(_ value: PickleValue) -> [(key: PickleValue, value: PickleValue)]? {
    guard case .dictionary(let index) = value else { return nil }
    let items = containers[index]
    return stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) }
  }

  /// A tensor's sizes or strides.
  func axes(_ value: PickleValue) -> [Int]? {
    guard let items = items(value), items.count <= StridedPositions.largestRank else { return nil }
    let axes = items.compactMap(\.int)
    return axes.count == items.count ? axes : nil
  }
}
