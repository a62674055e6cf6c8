import Formats
import Learning
import Networks
import Saliency
import Tensors

/// What is to be explained of images, and how: every class by every method at every layer, before and after virtual updates.
public struct Explanation: Sendable {
  /// A class to explain.
  public enum Target: Sendable, Hashable {
    /// The most, the second and the least likely class of each image.
    case top, second, bottom
    /// A class by its index.
    case index(Int)
  }

  /// The classes, in order.
  public var targets: [Target]
  /// How maps are made.
  public var methods: [Method]
  /// Where maps are made.
  public var layers: [String]
  /// How the layers' maps are made into one more; nil for none.
  public var combination: Combination?
  /// Virtual class updates before maps are made; nil stands for none, which is plain maps.
  public var updates: [InnerUpdate?]
  /// What maps are computed in; nil for float64 after virtual updates (see ``Evaluation/precision``) and else float32.
  public var precision: ScalarType?

  /// Plain maps at layers unless told otherwise.
  public init(
    targets: [Target], methods: [Method], layers: [String], combination: Combination? = nil,
    updates: [InnerUpdate?] = [nil], precision: ScalarType? = nil
  ) {
    (self.targets, self.methods, self.layers) = (targets, methods, layers)
    (self.combination, self.updates, self.precision) = (combination, updates, precision)
  }

  /// The name under which the combined map goes where layers go.
  public static let combined = "combined"

  /// The columns of a sheet: the layers, and their combination if there is one.
  public var columns: [String] { layers + (combination == nil ? [] : [Self.combined]) }

  /// How one map was made.
  public struct Setting: Sendable, Hashable {
    /// Of ``Explanation/updates``.
    public var update: Int
    /// What the map explains.
    public var target: Target
    /// How the map is computed.
    public var method: Method
    /// A layer or ``Explanation/combined``.
    public var layer: String
  }

  /// All maps of an image, in order.
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
    /// [classes], of the network as it is.
    public let logits: Tensor
    /// The class that each target stands for.
    public let classes: [Target: Int]
    /// [H, W] each, at the layer's own resolution; the combined one at the image's.
    public fileprivate(set) var maps: [Setting: Tensor] = [:]
    /// Settings, and which layers took no part in the combined map because theirs is constant.
    public fileprivate(set) var skipped: [(setting: Setting, layers: [String])] = []
  }

  /// The network as this explanation wants it: in its precision, and with tracked parameters if they will be moved.
  func prepared(_ network: Network) -> Network {
    let isMoved = updates.contains { $0 != nil }
    let network = network.converted(to: precision ?? (isMoved ? .float64 : .float32))
    return isMoved ? network.with(parameters: network.parameters.map { $0.tracked() }) : network
  }

  /// Explains one image [1, H, W, 3], normalized, of a network that was ``prepared(_:)``.
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
