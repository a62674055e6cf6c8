import Components
import Tensors

/// `architecture: sequential`: the layers that a recipe describes, in sequence. Their names are their indices, as in
/// PyTorch's `nn.Sequential`. Layers have PyTorch's default initialization, except convolutions, which have He's.
public struct SequentialFamily: NetworkFamily {
  public let name = "sequential"
  /// The layers; they fit each other.
  public private(set) var layers: [LayerDescription] = []

  /// The limits of a description. The graph of a derivative of a derivative is ten times as deep as the network.
  private static let (mostLayers, mostParameters) = (1000, Double(1 << 30))

  /// Creates a family without layers.
  init() {}

  /// Creates a family from described layers.
  ///
  /// - Throws: the reason, if a layer does not fit the layers before it.
  init(_ layers: [LayerDescription]) throws(LayerDescription.Malformed) {
    self.layers = layers
    _ = try Self.plans(layers, classes: 1)
    guard smallestSide != nil else {
      throw .init(description: "no image is large enough for all of these layers")
    }
  }

  public mutating func visit(_ keys: Keys) {
    var stated: [LayerDescription]? = layers.isEmpty ? nil : layers
    keys("layers", &stated, .alternative(.list(.layer, atLeast: 1)))
    guard let stated else { return keys.refuse("architecture", "a sequential network needs 'layers'") }
    do { self = try SequentialFamily(stated) } catch {
      keys.refuse(error.layer.map { "layers.\($0)" } ?? "layers", error.description)
    }
  }

  public var summary: String? { layers.map(\.description).joined(separator: "; ") }

  public func reading(_ summary: String) -> SequentialFamily? {
    guard let layers = try? summary.split(separator: ";").map({ try LayerDescription(String($0)) }) else { return nil }
    return try? SequentialFamily(layers)
  }

  public var needsSettings: Bool { true }

  public func root(classes: Int, using random: inout RandomSource?) -> any Module {
    do { return Sequential(try Self.plans(layers, classes: classes).map { $0.make(&random) }) } catch {
      preconditionFailure("SequentialFamily: layers that do not fit each other, \(error)")
    }
  }

  public var outline: NetworkOutline? {
    NetworkOutline(
      smallestSide: smallestSide ?? 1, hasBatchNorms: layers.contains { $0.word.hasStatistics },
      parameterCount: { classes in plans(classes: classes).reduce(0) { $0 + $1.parameterCount } },
      activationCount: activationCount)
  }

  private func plans(classes: Int) -> [LayerPlan] { (try? Self.plans(layers, classes: classes)) ?? [] }

  /// Computes the plan of each layer from those before it.
  ///
  /// - Throws: the error of the first layer that does not fit the layers before it.
  private static func plans(
    _ layers: [LayerDescription], classes: Int
  ) throws(LayerDescription.Malformed) -> [LayerPlan] {
    var (input, parameters, plans) = (LayerWord.Input(classes: classes), 0.0, [LayerPlan]())
    guard layers.count <= mostLayers else {
      throw .init(
        description: "\(layers.count) layers, of which \(mostLayers) are the most: as deep as a derivative can go back")
    }
    for (index, layer) in layers.enumerated() {
      func placed(_ error: LayerDescription.Malformed) -> LayerDescription.Malformed {
        .init(description: error.description, layer: index)
      }
      if input.isFlat, layer.word.needsLocations { throw placed(layer.malformed("there are no locations left")) }
      input.isLast = index == layers.count - 1
      let plan: LayerPlan
      do throws(LayerDescription.Malformed) { plan = try layer.word.plan(layer, input) } catch { throw placed(error) }
      parameters += plan.parameterCount
      // The parameters are counted for a network of one class, so that the number of classes alone never exceeds the
      // limit.
      guard classes > 1 || parameters <= mostParameters else {
        throw placed(
          layer.malformed("with it there are more than \(Int(mostParameters)) parameters, which take 4 GiB"))
      }
      (input.channels, input.side, input.isFlat) = (plan.channels, plan.side, plan.isFlat)
      plans.append(plan)
    }
    guard layers.last?.word.name == LayerWord.linear.name else {
      throw .init(description: "the last layer has to be linear, without a number: it makes the logits")
    }
    return plans
  }

  /// The side of the smallest square image for which every layer has a result; nil if it is above 8192.
  private var smallestSide: Int? {
    let plans = plans(classes: 1)
    return (1...8192).first { side in
      var size = side
      return plans.allSatisfy { plan in
        size = plan.size(size)
        return size >= 1
      }
    }
  }

  /// The total number of elements of all activations of one image of this size; the logits count as one.
  private func activationCount(height: Int, width: Int) -> Double {
    var (size, sum) = ([height, width], 0.0)
    for plan in plans(classes: 1) {
      size = size.map(plan.size)
      sum += Double(size[0]) * Double(size[1]) * Double(plan.channels)
    }
    return sum
  }
}

extension Codec<LayerDescription> {
  /// The codec of a layer's description.
  static var layer: Codec {
    Codec(
      read: { entry, key, report in
        var message = "expected a layer such as 'conv 32 size 3 stride 2', found \(entry.found)"
        if case .scalar(let text, _) = entry.content {
          do throws(LayerDescription.Malformed) { return try LayerDescription(text) } catch {
            message = error.description
          }
        }
        report.problems.append(.init(entry.place, key, message))
        return nil
      }, write: { Entry(.scalar($0.description, isText: false)) })
  }
}
