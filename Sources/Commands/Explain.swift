import ArgumentParser
import Datasets
import Formats
import Foundation
import Learning
import Networks
import Saliency
import Tensors
import Logging
import Training

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw saliency maps of images: where a network sees a class.",
    discussion: """
      The network is a run's (--run), a checkpoint's (--checkpoint), or an architecture with any weights (--model and \
      --weights). For each image there is a sheet of all maps, methods by classes and layers, and an overlay of each map.

        metasal explain dog.jpg --run runs/mine --class top --class bottom --layer layer2 --layer layer3.0
        metasal explain images --model squeezenet1_0 --weights squeezenet.safetensors --method normgrad grad_cam
      """)

  @Argument(help: "Images, folders of images, or patterns such as 'photos/*.jpg'.", completion: .file())
  var images: [String]

  @OptionGroup(title: "Network") var network: NetworkOptions
  @OptionGroup(title: "Maps") var maps: MapOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions

  @Option(help: "The folder for figures.", completion: .directory)
  var output = "explained"

  @Option(help: "Also write the maps and logits as numbers, into this safetensors (or .h5) file.", completion: .file())
  var raw: String?

  @Flag(inversion: .prefixedNo, help: "Whether to draw figures.")
  var figures = true

  func run() throws {
    let logger = messages.begin()
    let model = try network.load()
    logger.debug(
      "\(network.inputs.joined(separator: ", ")): \(model.network.architecture), \(model.network.classes) classes")
    if let note = model.note { logger.info("\(note)") }
    let explanation = try maps.explanation(model)
    let files = try ImageFiles.find(images)
    try Ownership.requireReplaceable([raw].compactMap(\.self), inputs: network.inputs + files)
    let explainer = try Explainer(model, explanation, logger: logger)
    let lines = try logger.timed("explaining \(files.count == 1 ? "1 image" : "\(files.count) images")") {
      try explainer(files, folder: figures ? output : nil, raw: raw)
    }
    say(lines.report(width: Terminal.output.columns))
    if figures { logger.info("\nSheets and overlays are in \(output).") }
    if let raw { logger.info("\nMaps as numbers are in \(raw).") }
  }
}

/// The options that select the network.
struct NetworkOptions: ParsableArguments {
  @Option(help: "A run's folder; its last checkpoint is explained.", completion: .directory)
  var run: String?

  @Option(help: "A checkpoint, such as runs/…/checkpoints/best.h5.", completion: .file())
  var checkpoint: String?

  @Option(help: "An architecture, such as resnet20 or squeezenet1_0; needs --weights.")
  var model: Architecture?

  @Option(help: "Weights for --model: safetensors, PyTorch, or HDF5.", completion: .file())
  var weights: String?

  @Option(help: "A file with the name of a class on each line, in the network's order.", completion: .file())
  var classNames: String?

  @Option(help: "The shorter side of images after resizing, in pixels; by default the recipe's, or no resizing.")
  var resize: Int?

  @Option(help: "The side of the square cropped from the middle, in pixels; by default the recipe's, or no cropping.")
  var crop: Int?

  @Option(
    parsing: .upToNextOption,
    help: "The mean of each color, in [0, 1]; by default the recipe's, or ImageNet's without a recipe.")
  var mean: [String] = []

  @Option(
    name: .long, parsing: .upToNextOption,
    help: "The std of each color; by default the recipe's, or ImageNet's without a recipe.")
  var std: [String] = []

  func validate() throws {
    guard [run, checkpoint, model?.name].compactMap(\.self).count == 1 else {
      throw ValidationError("Expected one of --run, --checkpoint, and --model with --weights.")
    }
    guard (model == nil) == (weights == nil) else {
      throw ValidationError("--model and --weights belong together.")
    }
    guard [resize, crop].allSatisfy({ (1...8192).contains($0 ?? 1) }) else {
      throw ValidationError("--resize and --crop are from 1 to 8192 pixels.")
    }
    _ = try normalization()
  }

  private func normalization() throws -> Normalization? {
    guard mean.isEmpty == std.isEmpty else { throw ValidationError("--mean and --std belong together.") }
    guard !mean.isEmpty else { return nil }
    let means = try Listed.numbers("--mean", mean, Normalization.means)
    let stds = try Listed.numbers("--std", std, Normalization.stds)
    guard means.count == 3, stds.count == 3 else {
      throw ValidationError("--mean and --std are three numbers each, as in 0.5,0.5,0.5.")
    }
    return Normalization(mean: means, std: stds)
  }

  /// The files from which the network is loaded.
  var inputs: [String] {
    [run.map { RunFolder($0).last }, checkpoint, weights, classNames].compactMap(\.self)
  }

  func load() throws -> Model {
    let sources =
      [run.map { ModelSource.run($0) }, checkpoint.map { .checkpoint($0) }]
      + [model.flatMap { model in weights.map { .weights(model, $0) } }]
    guard let source = sources.compactMap(\.self).first else { throw ValidationError("There is no network.") }
    let resizeCrop = resize == nil && crop == nil ? nil : ResizeCrop(resize: resize, crop: crop)
    return try source.model(resizeCrop: resizeCrop, normalization: try normalization(), classNames: classNames)
  }
}

/// The options that select the maps.
struct MapOptions: ParsableArguments {
  @Option(
    name: .customLong("class"), parsing: .upToNextOption,
    help: "Classes to explain: top, second, bottom (of each image), all, names, or numbers.")
  var classes = ["top"]

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The saliency methods.", discussion: "Methods: \(Method.grammar)."))
  var method = [Method.normGrad.description]

  @Option(
    parsing: .upToNextOption, help: "Layers of the maps; by default the last layer of each of the last three stages.")
  var layer: [String] = []

  @Option(help: "An additional map that combines all layers: product, weighted_sum or weighted_product.")
  var combine: Combination.Rule?

  @Option(
    parsing: .upToNextOption,
    help: "The weights of layers in --combine: uniform, linear (later layers count more), or a number for each.")
  var layerWeights = ["uniform"]

  @Option(
    parsing: .upToNextOption,
    help: "Rates of the virtual update towards the class before its map is computed; 0 means no update.")
  var virtualRate = ["0"]

  @Option(help: "Steps of the virtual update.")
  var virtualSteps = 1

  @Option(help: "Whether the virtual update makes the class more likely (towards) or less likely (away).")
  var virtualDirection = InnerUpdate.Direction.towards

  @Option(
    parsing: .upToNextOption, help: "Patterns of the parameters that the virtual update changes; by default all.")
  var virtualParameters: [String] = []

  @Option(help: "float32 or float64; by default float64 if there are virtual updates, else float32.")
  var precision: ScalarType?

  /// The parsed values of those options that do not depend on the network.
  private struct Meaning {
    let methods: [Method]
    let layers, parameters: [String]
    let rates: [Double]
    /// The weights of the layers in a combination; nil if they are uniform or linear.
    let weights: [Double]?
    let isLinear: Bool
  }

  func validate() throws { _ = try meaning() }

  private func meaning() throws -> Meaning {
    let methods = try Listed.texts("--method", method).map { name in
      do { return try Method(named: name) } catch { throw ValidationError("--method: \(error)") }
    }
    let layers = try Listed.texts("--layer", layer)
    let rates = try Listed.numbers("--virtual-rate", virtualRate, 0...1e6)
    guard rates.allSatisfy({ $0 == 0 || $0 >= 1e-12 }) else {
      throw ValidationError("--virtual-rate is 0, for no update, or from 1e-12 to 1e6; see --virtual-direction.")
    }
    guard (1...100).contains(virtualSteps) else { throw ValidationError("--virtual-steps is from 1 to 100.") }
    try Listed.requireDistinct("--method", methods)
    try Listed.requireDistinct("--layer", layers)
    try Listed.requireDistinct("--virtual-rate", rates)
    var weights: [Double]?
    if !["uniform", "linear"].contains(layerWeights.joined()) {
      let numbers = try Listed.numbers("--layer-weights", layerWeights, 0...1e9)
      guard numbers.count == layers.count else {
        throw ValidationError("\(numbers.count) --layer-weights for \(layers.count) layers.")
      }
      guard numbers.contains(where: { $0 > 0 }) else { throw ValidationError("--layer-weights are not all 0.") }
      weights = numbers
    }
    return Meaning(
      methods: methods, layers: layers, parameters: try Listed.texts("--virtual-parameters", virtualParameters),
      rates: rates, weights: weights, isLinear: layerWeights.joined() == "linear")
  }

  func explanation(_ model: Model) throws -> Explanation {
    let meaning = try meaning()
    // The name of a class may contain a comma: a text that is the name of a class is not split.
    let targets = try classes.flatMap { text in
      let items = text.contains(",") && model.classIndex(text) == nil ? try Listed.texts("--class", [text]) : [text]
      return try items.flatMap { try Self.targets($0, model) }
    }
    try Listed.requireDistinct("--class", targets) { $0.name ?? model.className($0.index ?? 0) }
    for pattern in meaning.parameters
    where !model.network.parameterNames.contains(where: { $0.matches(pattern: pattern) }) {
      throw ValidationError("--virtual-parameters: '\(pattern)' fits no parameter of \(model.network.architecture).")
    }
    let side = max(64, model.network.architecture.smallestSide)
    let layers =
      meaning.layers.isEmpty ? Array(model.network.stages(height: side, width: side).suffix(3)) : meaning.layers
    let weights =
      meaning.weights ?? (meaning.isLinear ? Combination.linear(layers.count) : Combination.uniform(layers.count))
    let updates = meaning.rates.map { rate in
      rate == 0
        ? nil
        : InnerUpdate(
          rate: rate, steps: virtualSteps, direction: virtualDirection,
          parameters: meaning.parameters.isEmpty ? nil : meaning.parameters)
    }
    return Explanation(
      targets: targets, methods: meaning.methods, layers: layers,
      combination: combine.map { Combination($0, weights: weights) }, updates: updates, precision: precision)
  }

  private static func targets(_ text: String, _ model: Model) throws -> [Explanation.Target] {
    switch text {
    case "top": return [.top]
    case "second": return [.second]
    case "bottom": return [.bottom]
    case "all": return (0..<model.network.classes).map { .index($0) }
    default:
      guard let index = model.classIndex(text) else {
        let known =
          model.classNames.isEmpty
          ? "classes are numbers below \(model.network.classes); --class-names gives them names"
          : "classes are \(model.classNames.prefix(12).joined(separator: ", "))\(model.classNames.count > 12 ? ", …" : "")"
        throw ValidationError("There is no class '\(text)', or more than one; \(known).")
      }
      return [.index(index)]
    }
  }
}

/// Parses lists on the command line, whose items are separated by blanks or commas.
enum Listed {
  /// Splits the arguments of an option into items.
  static func texts(_ flag: String, _ arguments: [String]) throws -> [String] {
    let items = arguments.flatMap { argument in
      argument.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }
    guard !items.contains("") else {
      throw ValidationError("\(flag): an item is empty in '\(arguments.joined(separator: " "))'.")
    }
    return items
  }

  /// Splits the arguments of an option into numbers in a range.
  static func numbers(_ flag: String, _ arguments: [String], _ range: ClosedRange<Double>) throws -> [Double] {
    try texts(flag, arguments).map { text in
      guard let number = Double(text), range.contains(number) else {
        throw ValidationError("\(flag) takes numbers from \(range.lowerBound) to \(range.upperBound), found '\(text)'.")
      }
      return number
    }
  }

  /// Checks that no item occurs twice, because the output files would have the same name.
  ///
  /// - Throws: a `ValidationError` that names the repeated item.
  static func requireDistinct<Item: Hashable>(
    _ flag: String, _ items: [Item], _ name: (Item) -> String = { "\($0)" }
  ) throws {
    var seen = Set<Item>()
    for item in items {
      let (isNew, other) = seen.insert(item)
      guard !isNew else { continue }
      let same = name(item) == name(other) ? "stands there twice" : "is '\(name(other))', which stands there too"
      throw ValidationError("\(flag): '\(name(item))' \(same).")
    }
  }
}

extension Architecture: ExpressibleByArgument {
  /// The architecture with this name; nil if there is none.
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { all.map(\.name) }
}
extension Combination.Rule: ExpressibleByArgument {}
extension InnerUpdate.Direction: ExpressibleByArgument {}
extension ScalarType: ExpressibleByArgument {}
