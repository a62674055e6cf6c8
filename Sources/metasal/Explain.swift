import ArgumentParser
import Datasets
import Formats
import Learning
import Networks
import Saliency
import Tensors
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

  @Option(help: "The folder for pictures.", completion: .directory)
  var output = "explained"

  @Option(help: "Also write the maps and logits as numbers, into this safetensors (or .h5) file.", completion: .file())
  var raw: String?

  @Flag(inversion: .prefixedNo, help: "Whether to draw pictures.")
  var pictures = true

  func run() throws {
    let model = try network.load()
    if let note = model.note { say(note) }
    let explanation = try maps.explanation(model)
    let files = try ImageFiles.find(images)
    try Ownership.requireReplaceable([raw].compactMap(\.self), inputs: network.inputs + files)
    let lines = try Explainer(model, explanation)(files, folder: pictures ? output : nil, raw: raw)
    say(lines.report)
    if pictures { say("\nSheets and overlays are in \(output).") }
    if let raw { say("\nMaps as numbers are in \(raw).") }
  }
}

/// Where the network comes from.
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

  @Option(help: "What the shorter side of every image becomes, as Pillow resizes; the recipe's, or nothing.")
  var resize: Int?

  @Option(help: "The side of the window out of the middle that the network sees; the recipe's, or the whole image.")
  var crop: Int?

  @Option(help: "The mean of each colour, in [0, 1]; the recipe's, or ImageNet's where there is none.")
  var mean: NumberList?

  @Option(help: "The deviation of each colour; the recipe's, or ImageNet's where there is none.")
  var deviation: NumberList?

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
    guard (mean == nil) == (deviation == nil) else {
      throw ValidationError("--mean and --deviation belong together.")
    }
    guard (mean?.values.count ?? 3) == 3, deviation?.values.count ?? 3 == 3,
      deviation?.values.allSatisfy({ $0 > 0 }) ?? true
    else {
      throw ValidationError(
        "--mean and --deviation are three numbers each, as in 0.5,0.5,0.5; deviations are positive.")
    }
  }

  /// Files that it is read from.
  var inputs: [String] {
    [run.map { RunFolder($0).last }, checkpoint, weights, classNames].compactMap(\.self)
  }

  func load() throws -> Model {
    let normalization = mean.flatMap { mean in
      deviation.map { Normalization(mean: mean.values, deviation: $0.values) }
    }
    let sources =
      [run.map { ModelSource.run($0) }, checkpoint.map { .checkpoint($0) }]
      + [model.flatMap { model in weights.map { .weights(model, $0) } }]
    guard let source = sources.compactMap(\.self).first else { throw ValidationError("There is no network.") }
    let framing = resize == nil && crop == nil ? nil : Framing(resize: resize, crop: crop)
    return try source.model(framing: framing, normalization: normalization, classNames: classNames)
  }
}

/// What maps are made, and how.
struct MapOptions: ParsableArguments {
  @Option(
    name: .customLong("class"), parsing: .upToNextOption,
    help: "Classes to explain: top, second, bottom (of each image), all, names, or numbers.")
  var classes = ["top"]

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("How maps are made.", discussion: "Methods: \(Method.grammar)."))
  var method = [Method.normGrad]

  @Option(
    parsing: .upToNextOption, help: "Where maps are made; left out: the last layer of each of the last three stages.")
  var layer: [String] = []

  @Option(help: "One map more, of all layers: product, weighted_sum or weighted_product.")
  var combine: Combination.Rule?

  @Option(help: "How layers count in --combine: uniform, linear (later ones more), or a number for each.")
  var layerWeights: LayerWeights = .uniform

  @Option(
    parsing: .upToNextOption,
    help: "Rates of a virtual update towards the class before its map is made; 0 stands for none.")
  var virtualRate: [Double] = [0]

  @Option(help: "Steps of the virtual update.")
  var virtualSteps = 1

  @Option(help: "Whether the virtual update makes the class likelier or, with away, less likely.")
  var virtualDirection = InnerUpdate.Direction.towards

  @Option(
    parsing: .upToNextOption, help: "Patterns of the parameters that the virtual update moves; left out: all.")
  var virtualParameters: [String] = []

  @Option(help: "float32 or float64; left out: float64 where there are virtual updates, else float32.")
  var precision: ScalarType?

  func validate() throws {
    guard virtualRate.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw ValidationError("--virtual-rate is not negative; see --virtual-direction.")
    }
    guard (1...100).contains(virtualSteps) else { throw ValidationError("--virtual-steps is from 1 to 100.") }
    if case .given(let numbers) = layerWeights {
      guard numbers.values.count == layer.count else {
        throw ValidationError("\(numbers.values.count) --layer-weights for \(layer.count) layers.")
      }
      guard numbers.values.allSatisfy({ $0 >= 0 }), numbers.values.contains(where: { $0 > 0 }) else {
        throw ValidationError("--layer-weights are not negative, and not all 0.")
      }
    }
  }

  func explanation(_ model: Model) throws -> Explanation {
    let targets = try classes.flatMap { text -> [Explanation.Target] in
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
    for pattern in virtualParameters
    where !model.network.parameterNames.contains(where: { $0.matches(pattern: pattern) }) {
      throw ValidationError("--virtual-parameters: '\(pattern)' fits no parameter of \(model.network.architecture).")
    }
    let side = max(64, model.network.architecture.smallestSide)
    let layers = layer.isEmpty ? Array(model.network.stages(height: side, width: side).suffix(3)) : layer
    let weights =
      switch layerWeights {
      case .uniform: Combination.uniform(layers.count)
      case .linear: Combination.linear(layers.count)
      case .given(let numbers): numbers.values
      }
    let updates = virtualRate.map { rate in
      rate == 0
        ? nil
        : InnerUpdate(
          rate: rate, steps: virtualSteps, direction: virtualDirection,
          parameters: virtualParameters.isEmpty ? nil : virtualParameters)
    }
    return Explanation(
      targets: targets, methods: method, layers: layers,
      combination: combine.map { Combination($0, weights: weights) }, updates: updates, precision: precision)
  }
}

/// Numbers with commas between them.
struct NumberList: ExpressibleByArgument {
  let values: [Double]
  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    values = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }.filter(\.isFinite)
    guard values.count == parts.count else { return nil }
  }
}

/// How layers count when their maps are combined.
enum LayerWeights: ExpressibleByArgument {
  case uniform, linear
  case given(NumberList)
  init?(argument: String) {
    switch argument {
    case "uniform": self = .uniform
    case "linear": self = .linear
    default:
      guard let numbers = NumberList(argument: argument) else { return nil }
      self = .given(numbers)
    }
  }

  var defaultValueDescription: String { "uniform" }
}

extension Architecture: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { allCases.map(\.name) }
}
extension Combination.Rule: ExpressibleByArgument {}
extension InnerUpdate.Direction: ExpressibleByArgument {}
extension ScalarType: ExpressibleByArgument {}
extension Method: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}
