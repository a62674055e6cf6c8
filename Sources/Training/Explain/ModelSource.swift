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
  /// What was chosen among a file's weights, or passed over in its recipe; nil if there is nothing to tell.
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

  /// Loads the network.
  ///
  /// - Parameters:
  ///   - resizeCrop: in place of the recipe's; none for weights that come without one.
  ///   - normalization: in place of the recipe's; ImageNet's for weights that come without one.
  ///   - classNames: a file with a line for each class, in place of what the recipe's data say.
  /// - Returns: the network with what it takes to give it images.
  /// - Throws: a `FileError` about what does not exist or does not fit, or where the recipe's resizeCrop or normalization
  ///   is
  ///   wanted and cannot be read.
  public func model(
    resizeCrop: ResizeCrop? = nil, normalization: Normalization? = nil, classNames: String? = nil
  ) throws -> Model {
    let stored: (network: Network, recipe: StoredRecipe, path: String)
    switch self {
    case .weights(let architecture, let path):
      let choice = try WeightChoice(from: path, for: architecture)
      let network = try Self.network(architecture, choice.weights, of: path)
      return Model(
        network: network, resizeCrop: resizeCrop ?? ResizeCrop(),
        normalization: normalization ?? Recipe.Data.standardNormalization,
        classNames: try classNames.map { try Self.names($0, count: network.classes) } ?? [], note: choice.note)
    case .run(let folder): stored = try Self.read(RunFolder(folder).last)
    case .checkpoint(let path): stored = try Self.read(path)
    }
    let (network, recipe, path) = stored
    let data = recipe.recipe.data
    if normalization == nil {
      try Self.require(["data.normalization"], of: recipe, path, "say how pixels become input with --mean and --std")
    }
    if resizeCrop == nil {
      try Self.require(
        ["data.resize", "data.crop"], of: recipe, path, "say how images are resized and cropped with --resize or --crop"
      )
    }
    // The data may be elsewhere by now; their names are a comfort, not a need.
    let isKnown = recipe.problems(with: "data.validation").isEmpty
    let known = isKnown ? try? data.validation.dataset().classNames : nil
    return Model(
      network: network, resizeCrop: resizeCrop ?? data.resizeCrop, normalization: normalization ?? data.normalization,
      classNames: try classNames.map { try Self.names($0, count: network.classes) } ?? known ?? [],
      note: recipe.problems.isEmpty
        ? nil
        : "Passed over in the recipe of the checkpoint, which is not one of today's:\n"
          + recipe.problems.map { "  \($0)" }.joined(separator: "\n"))
  }

  private static func read(_ path: String) throws -> (Network, StoredRecipe, String) {
    let checkpoint = try Checkpoint(contentsOf: path)
    return (checkpoint.network, StoredRecipe(checkpoint.recipe, source: path), path)
  }

  /// Throws unless a recipe says these keys' values in a way that is understood: with others than its own, maps would look
  /// right and be wrong.
  private static func require(_ keys: [String], of recipe: StoredRecipe, _ path: String, _ advice: String)
    throws(FileError)
  {
    guard let problem = keys.lazy.flatMap(recipe.problems(with:)).first else { return }
    let line = problem.place.line.map { ", line \($0)" } ?? ""
    let key = problem.key.isEmpty ? "" : "\(problem.key): "
    throw FileError(.malformed, path, "the recipe in it\(line): \(key)\(problem.message); \(advice)")
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
