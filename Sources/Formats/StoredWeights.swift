import Tensors

/// A tensor in a weight file. Its elements are read when they are asked for, so that nothing that nobody wants can be wrong.
public struct StoredTensor {
  /// The keys that lead to the dictionary it stands in, joined by dots; empty for the file's own.
  public let place: String
  /// Its name in that dictionary, as the file has it.
  public let name: String
  /// Its sizes; nil where the file has it in a way that is not read.
  public let shape: [Int]?
  /// What its elements are, as people call it.
  public let type: String
  /// Whether such tensors are read.
  public let isReadable: Bool
  /// The elements.
  ///
  /// - Throws: a ``FileError`` about elements that are not there, or are none that can be read.
  public let read: () throws -> Tensor

  /// A tensor whose elements are made by `read`.
  init(
    place: String = "", name: String, shape: [Int]?, type: String, isReadable: Bool = true,
    read: @escaping () throws -> Tensor
  ) {
    (self.place, self.name, self.shape, self.type) = (place, name, shape, type)
    (self.isReadable, self.read) = (isReadable, read)
  }

  /// A tensor that is there already. `type` is what its elements are in the file; nil for what they are here.
  init(name: String, _ value: Tensor, type: ElementType? = nil) {
    self.init(name: name, shape: value.shape, type: (type ?? value.elementType).name) { value }
  }

  /// The same tensor elsewhere.
  func at(_ place: String, _ name: String) -> StoredTensor {
    StoredTensor(place: place, name: name, shape: shape, type: type, isReadable: isReadable, read: read)
  }

  /// All that leads to it, joined by dots.
  public var path: String { place.isEmpty ? name : place + "." + name }
}

/// What a weight file holds: tensors in one dictionary or in several, one in another.
public struct StoredWeights {
  /// The file.
  public let file: String
  /// All tensors, in the file's order. At least one.
  public let tensors: [StoredTensor]
  /// What else the file says of itself.
  public let metadata: [String: String]
  /// What stands in the file beside tensors and plain values, by its place: a class that is not known, and was not made.
  public let placeholders: [(place: String, type: String)]

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

  /// Of tensors that are there already.
  init(_ file: String, _ tensors: NamedTensors) throws {
    try self.init(file, tensors.entries.map { StoredTensor(name: $0.name, $0.value) }, metadata: tensors.metadata)
  }

  /// What stands below an entry, which is part of the tensors' paths.
  ///
  /// - Throws: a ``FileError`` that lists the dictionaries there are, if there is nothing.
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

  /// Tensors by the dictionary they stand in, in the file's order.
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

  /// The dictionary that can only be a network's weights, whatever network it is: the one with a kernel or a matrix in it.
  /// Optimizers' memories are passed over. Names are plain; see `WeightNames`.
  ///
  /// - Throws: a ``FileError`` that lists them, if there are several with different values, or an element cannot be read.
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
  /// Whether type, shape and every bit agree.
  public func hasSameElements(as other: Tensor) -> Bool {
    guard scalarType == other.scalarType, shape == other.shape else { return false }
    return withUnsafeBytes { own in other.withUnsafeBytes { own.elementsEqual($0) } }
  }
}
