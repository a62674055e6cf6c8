import Foundation

// Builds the results of known functions without calling them. Calls of all other functions become placeholders.

extension Pickle {
  /// The full name of a class or function.
  func name(_ value: PickleValue) -> String { value.global ?? "what a call gave" }

  /// Builds a storage from a persistent id: ('storage', class, key, location, count) and, in streams of PyTorch 0.3 and
  /// older, also (key, offset, count) of a view of that storage.
  mutating func persistent(_ id: PickleValue) -> PickleValue {
    guard let parts = result.items(id), parts.count >= 5, parts[0].string == "storage", let type = parts[1].global,
      let key = parts[2].string
    else { return object("persistent object", []) }
    var storage = PickleStorage(type: type, key: key)
    if result.storages[key] == nil { result.storages[key] = storage }
    if parts.count > 5, let view = result.items(parts[5]), view.count == 3 { storage.offset = view[1].int ?? -1 }
    return .storage(storage)
  }

  /// The value that calling the function would return.
  mutating func called(_ function: PickleValue, _ argument: PickleValue) throws -> PickleValue {
    var (function, arguments) = (function, result.items(argument) ?? [argument])
    // Tensors with attributes and subclasses of tensors: (function, class, arguments, attributes). A loop, since a
    // hostile file can nest them too deeply for recursion.
    while ["torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type"].contains(function.global),
      arguments.count >= 3, case .tuple(let inner) = arguments[2], result.containers[inner].count <= 8,
      arguments[0].global != function.global
    {
      (function, arguments) = (arguments[0], result.containers[inner])
    }
    switch function.global {
    case "collections.OrderedDict": return .dictionary(container(try dictionary(arguments.first)))
    // The argument is the factory for missing keys; the items are set later, by other opcodes.
    case "collections.defaultdict": return .dictionary(container([]))
    case "torch.Size": return arguments.count == 1 && result.items(arguments[0]) != nil ? arguments[0] : argument
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
      let isUntyped = function.global?.hasSuffix("v3") ?? false
      if let tensor = tensor(arguments, isUntyped: isUntyped) { return .tensor(tensor) }
    case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
      if let first = arguments.first {
        switch first {
        case .tensor, .object: return first
        default: break
        }
      }
    default: break
    }
    return object(name(function), arguments)
  }

  /// Builds a view from (storage, offset, sizes, strides, …); in v3 the element type is the seventh argument. The
  /// dictionary at the end may mark the elements as negated or conjugated.
  private func tensor(_ arguments: [PickleValue], isUntyped: Bool) -> PickleTensor? {
    guard arguments.count >= (isUntyped ? 7 : 4), case .storage(let storage) = arguments[0],
      let offset = arguments[1].int, let shape = result.axes(arguments[2]), let strides = result.axes(arguments[3])
    else { return nil }
    let (start, overflows) = offset.addingReportingOverflow(storage.offset)
    guard offset >= 0, storage.offset >= 0, !overflows, let type = isUntyped ? arguments[6].global : storage.type else {
      return nil
    }
    let facts = arguments.dropFirst(isUntyped ? 7 : 6).first.flatMap { result.entries($0) } ?? []
    return PickleTensor(
      element: isUntyped ? ElementType(torch: type) : storage.element, type: type, storage: storage.key, offset: start,
      shape: shape, strides: strides, isAltered: facts.contains { $0.value.bool != false })
  }

  /// The alternating keys and values of a dictionary given as a list of pairs, as Python 2 wrote them.
  private mutating func dictionary(_ source: PickleValue?) throws -> [PickleValue] {
    guard case .list(let list)? = source else { return [] }
    let items = result.containers[list]
    try count(copied: items.count)
    return try items.flatMap { item in
      guard let pair = result.items(item), pair.count == 2 else {
        throw malformed("an OrderedDict made of something other than pairs")
      }
      return pair
    }
  }
}
