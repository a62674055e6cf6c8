import Formats
import Networks
import Tensors

/// The weights in a file that are a network's: those whose names and shapes fit it best, whatever dictionary they stand in and
/// whatever stands before their names.
public struct WeightChoice {
  /// Names as the network has them, and what stands among them and does not belong there.
  public let weights: [(name: String, value: Tensor)]
  /// What was chosen and what left out, for people; nil if the file holds the network's weights and nothing else.
  public let note: String?
  /// What else the file says of itself.
  public let metadata: [String: String]

  /// Searches a file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - architecture: the network's; how many classes it has is left open.
  /// - Throws: a `FileError` if there is nothing of it in the file, an element cannot be read, or several fit equally well
  ///   and
  ///   differ.
  public init(from path: String, for architecture: Architecture) throws {
    let stored = try WeightFile.open(path)
    metadata = stored.metadata
    let search = Search(architecture, stored)
    guard let best = search.candidates.first else {
      // Nothing is called as the network's; the network says so, with the names there are.
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

/// Tensors that could be a network's: all that stand below one prefix of the file.
private struct Candidate {
  static let whole = "the file's own"

  /// What stands before the names, with the dot at its end.
  let prefix: String
  /// The network's tensors by the network's names.
  var tensors: [String: StoredTensor] = [:]
  /// Names in the order of the file.
  var order: [String] = []
  /// A name that two tensors have.
  var clash: String?
  /// What belongs to the network's parts and is none of its tensors.
  var strangers: [(name: String, tensor: StoredTensor)] = []
  /// What stands beside them.
  var leftOut: [String] = []
  /// Tensors that are the network's and stand elsewhere.
  var elsewhere: [String] = []
  /// How many tensors have the network's shapes too.
  var fitting = 0

  var title: String { prefix.isEmpty ? Self.whole : String(prefix.dropLast()) }

  /// - Throws: a ``FileError`` if an element cannot be read, or it is not clear which tensor is meant.
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

  /// Whether it fits less well.
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

/// Finds all candidates in a file.
private struct Search {
  /// From the one that fits best.
  private(set) var candidates: [Candidate] = []

  private let shapes: [String: [Int]]
  private let head: String
  /// The names of the network's outermost parts, without the numbers they end with.
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
    // Only those that may be the best are worth a closer look.
    let most = found.max { $0 < $1 }?.fitting ?? 0
    let best = found.filter { $0.fitting == most }
    let claimed = Set(best.flatMap { $0.tensors.values.map(\.path) })
    candidates = best.map { complete($0, stored, without: claimed) }
    // Of equals the first in the file stays first.
    candidates = candidates.enumerated().sorted {
      $1.element < $0.element || !($0.element < $1.element) && $0.offset < $1.offset
    }.map(\.element)
  }

  /// The network's tensors that this one could be, with what stands before their names: all that its path ends with.
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

  /// The head may be one for other classes.
  private func fits(_ shape: [Int]?, _ name: String) -> Bool {
    guard let shape, let own = shapes[name] else { return false }
    return shape == own || name.hasPrefix(head) && shape.count == own.count && shape.dropFirst() == own.dropFirst()
  }

  /// With what else stands below its prefix, and what it lacks from where the prefix's beginnings lead: of
  /// `backbone.conv1.weight` and `fc.weight`, say, or of a part that alone is wrapped. `claimed` are the paths of this and
  /// other candidates' tensors, which belong to none of the others.
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

  /// A head that stands elsewhere in the same dictionaries, as `head.fc.weight` beside `backbone.conv1.weight`, if it is all that
  /// a candidate lacks and only one tensor can be meant.
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

  /// Whether a tensor is no part of a network: a number, or a list of them that stands outside of the network's parts and is
  /// no layer's parameter, as a mask or the mean of images.
  private func isBeside(_ name: String, _ shape: [Int]?) -> Bool {
    guard let shape else { return false }
    let isLayers = [".weight", ".bias", ".running_mean", ".running_var"].contains { ("." + name).hasSuffix($0) }
    return shape.isEmpty || !isLayers && shape.count(where: { $0 > 1 }) <= 1 && !parts.contains(Self.part(name))
  }
}
