import Datasets
import Foundation
import Formats
import Networks
import Recipes
import Tensors

/// A network to explain, with its preprocessing and class names.
public struct Model: Sendable {
  /// The network.
  public let network: Network
  /// The resizing and cropping to its input size.
  public let resizeCrop: ResizeCrop
  /// The normalization of pixels.
  public let normalization: Normalization
  /// The names of its classes in order; empty if they are not known.
  public let classNames: [String]
  /// A message about which weights of the file were chosen, or which parts of its recipe were ignored; nil if there is
  /// nothing to report.
  public let note: String?

  /// The name of a class, or its index if it has no name.
  public func className(_ index: Int) -> String {
    classNames.indices.contains(index) ? classNames[index] : "\(index)"
  }

  /// The names of all classes in order; indices if the names are not known.
  var allClassNames: [String] { (0..<network.classes).map(className) }

  /// The index of the class with this name, word of a name, or number; nil if there is none.
  public func classIndex(_ text: String) -> Int? {
    ClassList(classNames.isEmpty ? (0..<network.classes).map(String.init) : classNames).index(of: text)
  }
}

/// The source of a network to explain.
public enum ModelSource: Sendable {
  /// The last checkpoint in a run's folder.
  case run(String)
  /// A checkpoint that metasal wrote.
  case checkpoint(String)
  /// An architecture and any weight file, which determines the number of classes.
  case weights(Architecture, String)

  /// Loads the network.
  ///
  /// - Parameters:
  ///   - resizeCrop: replaces the recipe's resizing and cropping; weights without a recipe have none by default.
  ///   - normalization: replaces the recipe's normalization; weights without a recipe have ImageNet's by default.
  ///   - classNames: a file with a line for each class, which replaces the class names of the recipe's data.
  /// - Returns: the network with its preprocessing and class names.
  /// - Throws: a `FileError` if a file does not exist or does not fit, or if the recipe's preprocessing is needed and
  ///   cannot be read.
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
    // The data may have been moved since; their class names are optional.
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

  /// Throws if the recipe's values of these keys cannot be read. With other preprocessing than its own, the network's
  /// maps would look right but be wrong.
  private static func require(_ keys: [String], of recipe: StoredRecipe, _ path: String, _ advice: String)
    throws(FileError)
  {
    guard let problem = keys.lazy.flatMap(recipe.problems(with:)).first else { return }
    let line = problem.place.line.map { ", line \($0)" } ?? ""
    let key = problem.key.isEmpty ? "" : "\(problem.key): "
    throw FileError(.malformed, path, "the recipe in it\(line): \(key)\(problem.message); \(advice)")
  }

  /// Creates a network with the weights of a file.
  static func network(
    _ architecture: Architecture, _ entries: [(name: String, value: Tensor)], of path: String
  ) throws -> Network {
    // The classifier's bias is the last parameter; its length is the number of classes.
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
