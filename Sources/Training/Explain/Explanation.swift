import Formats
import Learning
import Networks
import Saliency
import Tensors

/// The settings of an explanation: each class is explained by each method at each layer, with and without virtual
/// updates.
public struct Explanation: Sendable {
  /// A class to explain.
  public enum Target: Sendable, Hashable {
    /// The most likely, the second most likely or the least likely class of each image.
    case top, second, bottom
    /// A class by its index.
    case index(Int)
  }

  /// The classes to explain, in order.
  public var targets: [Target]
  /// The saliency methods.
  public var methods: [Method]
  /// The layers at which maps are computed.
  public var layers: [String]
  /// How the maps of all layers are combined into an additional map; nil for none.
  public var combination: Combination?
  /// The virtual class updates after which maps are made; nil stands for no update, that is, plain maps.
  public var updates: [InnerUpdate?]
  /// The precision in which maps are computed; nil for float64 if there are virtual updates (see
  /// ``Evaluation/precision``), else float32.
  public var precision: ScalarType?

  /// An explanation, by default of plain maps without a combination.
  public init(
    targets: [Target], methods: [Method], layers: [String], combination: Combination? = nil,
    updates: [InnerUpdate?] = [nil], precision: ScalarType? = nil
  ) {
    (self.targets, self.methods, self.layers) = (targets, methods, layers)
    (self.combination, self.updates, self.precision) = (combination, updates, precision)
  }

  /// The name that stands for the combined map in place of a layer.
  public static let combined = "combined"

  /// The columns of a sheet of figures: the layers and, if there is one, the combination.
  public var columns: [String] { layers + (combination == nil ? [] : [Self.combined]) }

  /// The settings of one map.
  public struct Setting: Sendable, Hashable {
    /// An index into ``Explanation/updates``.
    public var update: Int
    /// The class that the map explains.
    public var target: Target
    /// The saliency method.
    public var method: Method
    /// The name of the layer, or ``Explanation/combined``.
    public var layer: String
  }

  /// The settings of all maps of an image, in order.
  public var settings: [Setting] {
    updates.indices.flatMap { update in
      methods.flatMap { method in
        columns.flatMap { layer in
          targets.map { Setting(update: update, target: $0, method: method, layer: layer) }
        }
      }
    }
  }

  /// The maps of one image.
  public struct Result: Sendable {
    /// The logits [classes] at the network's own weights.
    public let logits: Tensor
    /// The class index that each target stands for.
    public let classes: [Target: Int]
    /// The maps [H, W], each at the resolution of its layer; the combined map has that of the image.
    public fileprivate(set) var maps: [Setting: Tensor] = [:]
    /// For each combined map the layers that were left out because their map is constant.
    public fileprivate(set) var skipped: [(setting: Setting, layers: [String])] = []
  }

  /// Converts the network to the explanation's precision, and tracks its parameters if there are virtual updates.
  func prepared(_ network: Network) -> Network {
    let isMoved = updates.contains { $0 != nil }
    let network = network.converted(to: precision ?? (isMoved ? .float64 : .float32))
    return isMoved ? network.with(parameters: network.parameters.map { $0.tracked() }) : network
  }

  /// Explains one normalized image [1, H, W, 3]; `network` must be ``prepared(_:)``.
  func callAsFunction(_ network: Network, _ image: Tensor) -> Result {
    let image = image.converted(to: network.scalarType)
    let start = Inference(network, image, capturing: layers)
    let logits = start.output.logits.detached()
    let scores = logits.doubles
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var classes: [Target: Int] = [:]
    for target in targets {
      switch target {
      case .top: classes[target] = order[0]
      case .second: classes[target] = order[min(1, order.count - 1)]
      case .bottom: classes[target] = (logits * -1).argmax()[0]
      case .index(let index): classes[target] = index
      }
    }
    var result = Result(logits: logits.reshaped([logits.count]), classes: classes)
    for (number, update) in updates.enumerated() {
      for target in targets {
        guard let class_ = classes[target] else { continue }
        let all = ImageMaps(start).tensors(.init(methods: methods, layers: layers), of: class_, after: update)
        for (method, maps) in zip(methods, all) {
          add(maps, Setting(update: number, target: target, method: method, layer: ""), image, &result)
        }
      }
    }
    return result
  }

  private func add(_ maps: [Tensor], _ setting: Setting, _ image: Tensor, _ result: inout Result) {
    var setting = setting
    for (layer, map) in zip(layers, maps) {
      setting.layer = layer
      result.maps[setting] = map.reshaped(Array(map.shape.dropFirst()))
    }
    guard let combination else { return }
    let (map, skipped) = combination(maps, height: image.shape[1], width: image.shape[2])
    setting.layer = Self.combined
    result.maps[setting] = map.reshaped(Array(map.shape.dropFirst()))
    if !skipped[0].isEmpty { result.skipped.append((setting, skipped[0].map { layers[$0] })) }
  }
}
