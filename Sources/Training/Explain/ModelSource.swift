import Datasets
import Foundation
import Formats
import Networks
import Recipes
import Tensors

/// A network to explain, with how it wants its images and what its classes are called.
public struct Model: Sendable {
  /// The network.
  public let network: Network
  /// How images come to its size.
  public let resizeCrop: ResizeCrop
  /// How pixels become its input.
  public let normalization: Normalization
  /// Names of its classes, in order; empty if they are not known.
  public let classNames: [String]
  /// What was chosen among a file's weights; nil if there was nothing to choose.
  public let note: String?

  /// The name of a class, or its number where it has none.
  public func className(_ index: Int) -> String {
    classNames.indices.contains(index) ? classNames[index] : "\(index)"
  }

  /// The names of all classes, in order; numbers where they are not known.
  var allClassNames: [String] { (0..<network.classes).map(className) }

  /// The class of that name, word of a name, or number.
  public func classIndex(_ text: String) -> Int? {
    ClassList(classNames.isEmpty ? (0..<network.classes).map(String.init) : classNames).index(of: text)
  }
}

/// Where a network to explain comes from.
public enum ModelSource: Sendable {
  /// A run's folder: its last checkpoint.
  case run(String)
  /// A checkpoint of metasal's.
  case checkpoint(String)
  /// An architecture and any weight file; the number of classes is the weights'.
  case weights(Architecture, String)

  /// - Parameters:
  ///   - resizeCrop: in place of the recipe's; none where there is no recipe.
  ///   - normalization: in place of the recipe's; ImageNet's where there is no recipe.
  ///   - classNames: a file with a line for each class, in place of what the recipe's data say.
  /// - Throws: a ``FileError`` about what does not exist or does not fit.
  public func model(
    resizeCrop: ResizeCrop? = nil, normalization: Normalization? = nil, classNames: String? = nil
  ) throws -> Model {
    var (network, recipe): (Network, Recipe?)
    var note: String?
    switch self {
    case .run(let folder):
      (network, recipe) = try Self.read(RunFolder(folder).last)
    case .checkpoint(let path): (network, recipe) = try Self.read(path)
    case .weights(let architecture, let path):
      let choice = try WeightChoice(from: path, for: architecture)
      note = choice.note
      (network, recipe) = (try Self.network(architecture, choice.weights, of: path), nil)
    }
    // The data may be elsewhere by now; their names are a comfort, not a need.
    let known = try? recipe?.data.validation.dataset().classNames
    let names = try classNames.map { try Self.names($0, count: network.classes) } ?? known ?? []
    return Model(
      network: network, resizeCrop: resizeCrop ?? recipe?.data.resizeCrop ?? ResizeCrop(),
      normalization: normalization ?? recipe?.data.normalization ?? Recipe.Data.standardNormalization,
      classNames: names, note: note)
  }

  private static func read(_ path: String) throws -> (Network, Recipe?) {
    let checkpoint = try Checkpoint(contentsOf: path)
    return (checkpoint.network, try? Recipe.parse(checkpoint.recipe, source: path))
  }

  /// A network with a file's weights.
  static func network(
    _ architecture: Architecture, _ entries: [(name: String, value: Tensor)], of path: String
  ) throws -> Network {
    // The classifier's bias comes last, and is as long as there are classes.
    let last = architecture.network(seed: nil).state.last?.name
    guard let classes = entries.first(where: { $0.name == last })?.value.shape.first, classes > 0 else {
      throw FileError(
        .malformed, path, "no tensor '\(last ?? "")', from which the classes of \(architecture) are counted")
    }
    let network = architecture.network(classes: classes, seed: nil).converted(to: entries.scalarType)
    do { return try network.loading(entries) } catch let mismatch as StateMismatch {
      throw FileError(.malformed, path, "\(mismatch)")
    }
  }

  private static func names(_ path: String, count: Int) throws -> [String] {
    let names = try ClassList.read(path)
    guard names.count == count else {
      throw FileError(.malformed, path, "\(names.count) names, where the network has \(count) classes")
    }
    return names
  }
}
