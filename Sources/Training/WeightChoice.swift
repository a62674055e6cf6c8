import Formats
import Networks
import Tensors

/// Selects the weights of a network in a file: those whose names and shapes fit it best, in any dictionary of the file
/// and with any prefix before their names.
public struct WeightChoice {
  /// The tensors by the network's names, including tensors among them that the network does not have.
  public let weights: [(name: String, value: Tensor)]
  /// A message about what was chosen and left out; nil if the file contains the network's weights and nothing else.
  public let note: String?
  /// The text metadata of the file.
  public let metadata: [String: String]

  /// Searches a file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - architecture: the architecture; the number of classes may be any.
  /// - Throws: a `FileError` if the file contains none of the network's tensors, an element cannot be read, or
  ///   several candidates fit equally well and differ.
  public init(from path: String, for architecture: Architecture) throws {
    let stored = try WeightFile.open(path)
    metadata = stored.metadata
    let search = Search(architecture, stored)
    guard let best = search.candidates.first else {
      // No name matches the network; loading then reports the mismatch with the names in the file.
      (weights, note) = (try stored.onlyDictionary().entries, nil)
      return
    }
    let rivals = search.candidates.prefix { !($0 < best) && !(best < $0) }
    weights = try best.values(stored.file)
    for rival in rivals.dropFirst() where try !rival.isSame(as: weights, stored.file) {
      let names = rivals.map { "'\($0.title)'" }.joined(separator: ", ")
      let entry = rivals.map(\.title).first { $0 != Candidate.whole } ?? ""
      throw FileError(
        .malformed, path,
        "\(names) fit \(architecture) equally well and differ; say which, as in \(stored.file)::\(entry)")
    }
    note = best.note(stored.file)
  }
}

/// A candidate for a network's weights: all tensors below one prefix in the file.
private struct Candidate {
  static let whole = "the file's own"

  /// The prefix of the names, including the dot at its end.
  let prefix: String
  /// The tensors that the network has, by the network's names.
  var tensors: [String: StoredTensor] = [:]
  /// The names in the order of the file.
  var order: [String] = []
  /// A name that two tensors could have; nil if there is none.
  var clash: String?
  /// Tensors below the prefix that the network does not have, but that look like a part of a network.
  var strangers: [(name: String, tensor: StoredTensor)] = []
  /// The paths of tensors below the prefix that are not a part of any network and are left out.
  var leftOut: [String] = []
  /// The paths of tensors that were taken from outside the prefix.
  var elsewhere: [String] = []
  /// The number of tensors whose shapes fit too.
  var fitting = 0

  var title: String { prefix.isEmpty ? Self.whole : String(prefix.dropLast()) }

  /// Reads the tensors of the candidate.
  ///
  /// - Throws: a `FileError` if an element cannot be read, or two tensors could have the same name.
  func values(_ file: String) throws -> [(name: String, value: Tensor)] {
    if let clash { throw FileError(.malformed, file, "two tensors, of \(title), could be '\(clash)'") }
    return try order.compactMap { name in try tensors[name].map { (name, try $0.read()) } }
      + strangers.map { ($0.name, try $0.tensor.read()) }
  }

  func isSame(as other: [(name: String, value: Tensor)], _ file: String) throws -> Bool {
    let own = try NamedTensors(values(file))
    return own.entries.count == other.count
      && other.allSatisfy { own[$0.name]?.hasSameElements(as: $0.value) ?? false }
  }

  /// Whether the first candidate fits less well than the second.
  static func < (one: Candidate, other: Candidate) -> Bool {
    (one.fitting, one.tensors.count, -one.strangers.count) < (
      other.fitting, other.tensors.count, -other.strangers.count
    )
  }

  func note(_ file: String) -> String? {
    var parts: [String] = []
    if !prefix.isEmpty { parts.append("The weights in \(file) are those below '\(title)'.") }
    if !elsewhere.isEmpty { parts.append("The head is \(elsewhere.joined(separator: ", ")).") }
    if !leftOut.isEmpty {
      let names = leftOut.prefix(5).joined(separator: ", ") + (leftOut.count > 5 ? ", … (\(leftOut.count))" : "")
      parts.append("Left out: \(names).")
    }
    return parts.isEmpty ? nil : parts.joined(separator: " ")
  }
}

/// Finds the best candidates in a file.
private struct Search {
  /// The candidates, the best first.
  private(set) var candidates: [Candidate] = []

  private let shapes: [String: [Int]]
  private let head: String
  /// The first components of the network's names, without the numbers at their ends.
  private let parts: Set<String>

  private static let longestName = 1000

  init(_ architecture: Architecture, _ stored: StoredWeights) {
    let network = architecture.network(seed: nil)
    shapes = Dictionary(uniqueKeysWithValues: network.stateShapes.map { ($0.name, $0.shape) })
    head = network.head + "."
    parts = Set(shapes.keys.map(Self.part))
    var (found, indices) = ([Candidate](), [String: Int]())
    for tensor in stored.tensors where !WeightNames.isOptimizer(tensor.path) {
      for (prefix, name) in names(of: tensor) {
        let index = indices[prefix] ?? found.count
        if index == found.count {
          indices[prefix] = index
          found.append(Candidate(prefix: prefix))
        }
        add(tensor, name, to: &found[index])
      }
    }
    // Only candidates with the largest number of fitting tensors are examined further.
    let most = found.max { $0 < $1 }?.fitting ?? 0
    let best = found.filter { $0.fitting == most }
    let claimed = Set(best.flatMap { $0.tensors.values.map(\.path) })
    candidates = best.map { complete($0, stored, without: claimed) }
    // Equally good candidates keep their order in the file.
    candidates = candidates.enumerated().sorted {
      $1.element < $0.element || !($0.element < $1.element) && $0.offset < $1.offset
    }.map(\.element)
  }

  /// The names in the network that this tensor could have, with their prefixes: every suffix of its path that is a name
  /// in the network.
  private func names(of tensor: StoredTensor) -> [(prefix: String, name: String)] {
    guard tensor.path.utf8.count <= Self.longestName else { return [] }
    let path = tensor.path.split(separator: ".", omittingEmptySubsequences: false)
    return path.indices.compactMap { start in
      guard !WeightNames.wrappers.contains(String(path[start])) else { return nil }
      let name = Self.plain(path[start...])
      return shapes[name] == nil ? nil : (path[..<start].map { $0 + "." }.joined(), name)
    }
  }

  private static func plain(_ path: ArraySlice<Substring>) -> String {
    Network.ownName(path.filter { !WeightNames.wrappers.contains(String($0)) }.joined(separator: "."))
  }

  private static func part(_ name: String) -> String {
    var part = name.prefix { $0 != "." }
    while part.last?.isNumber ?? false { part.removeLast() }
    return String(part)
  }

  private func add(_ tensor: StoredTensor, _ name: String, to candidate: inout Candidate) {
    if candidate.tensors.updateValue(tensor, forKey: name) != nil {
      candidate.clash = name
    } else {
      candidate.order.append(name)
      if fits(tensor.shape, name) { candidate.fitting += 1 }
    }
  }

  /// Whether a shape fits; the head may have another number of classes.
  private func fits(_ shape: [Int]?, _ name: String) -> Bool {
    guard let shape, let own = shapes[name] else { return false }
    return shape == own || name.hasPrefix(head) && shape.count == own.count && shape.dropFirst() == own.dropFirst()
  }

  /// Completes a candidate with the other tensors below its prefix, and with missing tensors below shorter prefixes,
  /// for example if the file has `backbone.conv1.weight` and `fc.weight`, or if only a part of the network is wrapped.
  /// `claimed` are the paths of all candidates' tensors, which are not taken again.
  private func complete(_ candidate: Candidate, _ stored: StoredWeights, without claimed: Set<String>) -> Candidate {
    var candidate = candidate
    let places = Set(candidate.tensors.values.map(\.place))
    for tensor in stored.tensors where places.contains(tensor.place) && !claimed.contains(tensor.path) {
      guard tensor.path.hasPrefix(candidate.prefix) else { continue }
      let path = tensor.path.dropFirst(candidate.prefix.count).split(separator: ".", omittingEmptySubsequences: false)
      let name = Self.plain(path[...])
      if WeightNames.isCounter(name) || isBeside(name, tensor.shape) {
        if !name.hasSuffix("num_batches_tracked") { candidate.leftOut.append(tensor.path) }
      } else {
        candidate.strangers.append((name, tensor))
      }
    }
    guard !candidate.prefix.isEmpty, candidate.tensors.count < shapes.count else { return candidate }
    var beginnings = candidate.prefix.split(separator: ".").dropLast().map(String.init)
    while candidate.tensors.count < shapes.count {
      let beginning = beginnings.map { $0 + "." }.joined()
      for tensor in stored.tensors where tensor.path.hasPrefix(beginning) {
        let path = tensor.path.dropFirst(beginning.count).split(separator: ".", omittingEmptySubsequences: false)
        let name = Self.plain(path[...])
        if shapes[name] != nil, candidate.tensors[name] == nil { add(tensor, name, to: &candidate) }
      }
      guard beginnings.popLast() != nil else { break }
    }
    takeHead(from: stored, places, for: &candidate)
    return candidate
  }

  /// Takes the head from elsewhere in the same dictionaries, such as `head.fc.weight` beside `backbone.conv1.weight`,
  /// if only the head is missing and there is only one possibility.
  private func takeHead(from stored: StoredWeights, _ places: Set<String>, for candidate: inout Candidate) {
    let missing = shapes.keys.filter { candidate.tensors[$0] == nil }.sorted()
    guard !missing.isEmpty, missing.allSatisfy({ $0.hasPrefix(head) }) else { return }
    var found: [String: [StoredTensor]] = [:]
    for tensor in stored.tensors where places.contains(tensor.place) {
      for (_, name) in names(of: tensor) where candidate.tensors[name] == nil {
        found[name, default: []].append(tensor)
      }
    }
    guard missing.allSatisfy({ name in found[name]?.count == 1 && fits(found[name]?[0].shape, name) }) else { return }
    for name in missing {
      guard let tensor = found[name]?.first else { continue }
      add(tensor, name, to: &candidate)
      candidate.elsewhere.append(tensor.path)
    }
  }

  /// Whether a tensor is not a part of a network: a scalar or a vector that is not a layer's parameter and is outside
  /// of the network's parts, such as a mask or the mean of the images.
  private func isBeside(_ name: String, _ shape: [Int]?) -> Bool {
    guard let shape else { return false }
    let isLayers = [".weight", ".bias", ".running_mean", ".running_var"].contains { ("." + name).hasSuffix($0) }
    return shape.isEmpty || !isLayers && shape.count(where: { $0 > 1 }) <= 1 && !parts.contains(Self.part(name))
  }
}
