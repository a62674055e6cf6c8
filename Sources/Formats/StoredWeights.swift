import Tensors

/// A tensor in a weight file. Its elements are read only when they are requested, so a damaged tensor that nobody uses
/// is no error.
public struct StoredTensor {
  /// The path of keys to the dictionary that contains the tensor, joined by dots; empty for the outermost dictionary.
  public let place: String
  /// The tensor's name in that dictionary.
  public let name: String
  /// The tensor's shape; nil where it is stored in a form that is not supported.
  public let shape: [Int]?
  /// The name of the element type, for messages.
  public let type: String
  /// Whether tensors of this type can be read.
  public let isReadable: Bool
  /// Reads the elements.
  ///
  /// - Throws: a ``FileError`` if the elements are missing, damaged or of an unsupported type.
  public let read: () throws -> Tensor

  /// A tensor whose elements are returned by `read`.
  init(
    place: String = "", name: String, shape: [Int]?, type: String, isReadable: Bool = true,
    read: @escaping () throws -> Tensor
  ) {
    (self.place, self.name, self.shape, self.type) = (place, name, shape, type)
    (self.isReadable, self.read) = (isReadable, read)
  }

  /// A tensor that is already in memory. `type` is the element type in the file; nil for the type of `value`.
  init(name: String, _ value: Tensor, type: ElementType? = nil) {
    self.init(name: name, shape: value.shape, type: (type ?? value.elementType).name) { value }
  }

  /// The same tensor under another path and name.
  func at(_ place: String, _ name: String) -> StoredTensor {
    StoredTensor(place: place, name: name, shape: shape, type: type, isReadable: isReadable, read: read)
  }

  /// The full path of keys to the tensor, joined by dots.
  public var path: String { place.isEmpty ? name : place + "." + name }
}

/// The contents of a weight file: tensors in one dictionary or in several nested ones.
public struct StoredWeights {
  /// The path of the file.
  public let file: String
  /// All tensors in the file's order; there is at least one.
  public let tensors: [StoredTensor]
  /// The text metadata of the file.
  public let metadata: [String: String]
  /// The objects of unknown classes in the file, with the paths that lead to them; they were not created.
  public let placeholders: [(place: String, type: String)]

  /// The contents of a file with these tensors.
  ///
  /// - Throws: a ``FileError`` if there are no tensors.
  init(
    _ file: String, _ tensors: [StoredTensor], metadata: [String: String] = [:],
    placeholders: [(place: String, type: String)] = []
  ) throws {
    guard !tensors.isEmpty else {
      let others = placeholders.prefix(5).map { $0.place.isEmpty ? $0.type : "\($0.place): \($0.type)" }
      let hint = others.isEmpty ? "" : "; what it holds is not loaded: " + others.joined(separator: ", ")
      throw FileError(.malformed, file, "no tensors in it" + hint)
    }
    (self.file, self.tensors, self.metadata, self.placeholders) = (file, tensors, metadata, placeholders)
  }

  /// The contents of a file whose tensors are already in memory.
  init(_ file: String, _ tensors: NamedTensors) throws {
    try self.init(file, tensors.entries.map { StoredTensor(name: $0.name, $0.value) }, metadata: tensors.metadata)
  }

  /// The tensors below an entry of the file, whose name is a prefix of their paths.
  ///
  /// - Throws: a ``FileError`` that lists the existing dictionaries if there are no tensors below the entry.
  func below(_ entry: String) throws -> StoredWeights {
    let start = entry + "."
    let found = tensors.filter { $0.path.hasPrefix(start) }.map { tensor in
      let isDeeper = tensor.place.hasPrefix(start)
      return tensor.at(
        isDeeper ? String(tensor.place.dropFirst(start.count)) : "",
        isDeeper ? tensor.name : String(tensor.path.dropFirst(start.count)))
    }
    guard !found.isEmpty else {
      throw FileError(.malformed, file, "no tensors below '\(entry)'; there are \(Self.list(dictionaries))")
    }
    return try StoredWeights(file, found, metadata: metadata)
  }

  /// The tensors grouped by dictionary, in the file's order.
  public var dictionaries: [(place: String, tensors: [StoredTensor])] {
    var indices: [String: Int] = [:]
    var result: [(place: String, tensors: [StoredTensor])] = []
    for tensor in tensors {
      if let index = indices[tensor.place] {
        result[index].tensors.append(tensor)
      } else {
        indices[tensor.place] = result.count
        result.append((tensor.place, [tensor]))
      }
    }
    return result
  }

  /// The weights of the network in the file: the only dictionary that contains a tensor of at least two axes. The state
  /// of optimizers is ignored. Wrapper prefixes are removed from the names, see ``WeightNames``.
  ///
  /// - Throws: a ``FileError`` that lists the candidates if there are several with different values, or an element
  ///   cannot be read.
  public func onlyDictionary() throws -> NamedTensors {
    let all = dictionaries.filter { !WeightNames.isOptimizer($0.place) }
    let networks = all.filter { $0.tensors.contains { $0.shape?.count ?? 2 >= 2 } }
    let candidates = (networks.isEmpty ? (all.isEmpty ? dictionaries : all) : networks).map {
      (place: $0.place, tensors: WeightNames.plain($0.tensors))
    }.filter { !$0.tensors.isEmpty }
    guard let first = candidates.first else { throw FileError(.malformed, file, "no tensors in it but counters") }
    let values = try NamedTensors(first.tensors.map { ($0.name, try $0.tensor.read()) }, metadata: metadata)
    for other in candidates.dropFirst() {
      guard try Self.isSame(values, other.tensors) else {
        throw FileError(
          .malformed, file,
          "several dictionaries of tensors, \(Self.list(candidates)); say which, as in \(file)::\(first.place.isEmpty ? other.place : first.place)"
        )
      }
    }
    return values
  }

  private static func isSame(_ values: NamedTensors, _ others: [(name: String, tensor: StoredTensor)]) throws -> Bool {
    guard values.names == others.map(\.name),
      values.entries.map({ Optional($0.value.shape) }) == others.map(\.tensor.shape)
    else { return false }
    return try zip(values.entries, others).allSatisfy { $0.value.hasSameElements(as: try $1.tensor.read()) }
  }

  private static func list<T>(_ dictionaries: [(place: String, tensors: [T])]) -> String {
    let names = dictionaries.map { "\($0.place.isEmpty ? "the file's own" : "'\($0.place)'") of \($0.tensors.count)" }
    return names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
  }
}

extension Tensor {
  /// Whether two tensors have the same type, shape and bits.
  public func hasSameElements(as other: Tensor) -> Bool {
    guard scalarType == other.scalarType, shape == other.shape else { return false }
    return withUnsafeBytes { own in other.withUnsafeBytes { own.elementsEqual($0) } }
  }
}
