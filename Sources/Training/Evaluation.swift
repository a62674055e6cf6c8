import Datasets
import Learning
import Networks
import Saliency
import Tensors

/// What to measure on a network.
public struct Evaluation: Sendable {
  /// Methods and layers whose class sensitivity is measured: all pairs.
  public var methods: [Method]
  /// Layers at which maps are made.
  public var layers: [String]
  /// The rate of the virtual class update (one step, all parameters) before maps are taken again; nil: plain maps only.
  public var virtualRate: Double?
  /// What maps are worked out in. In float32 an activation near zero may fall on the other side of a rectification than in
  /// exact arithmetic, which moves a map after a virtual update by some thousandths; in float64 nothing of that is seen.
  public var precision: ScalarType

  /// Class sensitivity of all methods at all layers; of none, accuracy alone.
  public init(methods: [Method], layers: [String], virtualRate: Double?, precision: ScalarType = .float64) {
    (self.methods, self.layers, self.virtualRate, self.precision) = (methods, layers, virtualRate, precision)
  }

  /// One cell of the table: how maps are made.
  public struct Setting: Sendable, Hashable {
    /// How the map is made.
    public let method: Method
    /// Where.
    public let layer: String
    /// At which weights.
    public let weights: ClassSensitivity.Weights
  }

  /// What was measured.
  public struct Result: Sendable {
    /// Images measured.
    public private(set) var images = 0
    private var correct = 0
    private var lossSum = 0.0
    /// The class sensitivity of each setting.
    public private(set) var sensitivity: [Setting: ClassSensitivityScore] = [:]

    /// The share of images classified as labelled, in [0, 1].
    public var accuracy: Double { Double(correct) / Double(max(1, images)) }
    /// Mean softmax cross-entropy to the labels.
    public var crossEntropy: Double { lossSum / Double(max(1, images)) }

    mutating func add(_ image: ImageResult) {
      images += 1
      correct += image.isCorrect ? 1 : 0
      lossSum += image.loss
      for (setting, correlation) in image.correlations { sensitivity[setting, default: .init()].add(correlation) }
    }
  }

  struct ImageResult: Sendable {
    var isCorrect: Bool
    var loss: Double
    var correlations: [(Setting, Double?)] = []
  }

  /// All settings, in the table's order.
  public var settings: [Setting] {
    let weights: [ClassSensitivity.Weights] = virtualRate == nil ? [.plain] : [.plain, .virtual]
    return methods.flatMap { method in
      layers.flatMap { layer in weights.map { Setting(method: method, layer: layer, weights: $0) } }
    }
  }

  /// Measures one image [1, H, W, 3].
  func measure(_ network: Network, _ image: Tensor, label: Int) -> ImageResult {
    guard !methods.isEmpty, !layers.isEmpty else {
      let logits = network(image).logits
      return ImageResult(isCorrect: logits.argmax()[0] == label, loss: logits.crossEntropy(to: [label]).item)
    }
    // Plain maps need no derivatives with respect to the parameters; the virtual update does.
    let tracked = virtualRate == nil ? network : network.with(parameters: network.parameters.map { $0.tracked() })
    let plain = Inference(tracked, image, capturing: layers)
    let logits = plain.output.logits.detached()
    let (top, bottom) = (logits.argmax(), (logits * -1).argmax())
    var result = ImageResult(isCorrect: top[0] == label, loss: logits.crossEntropy(to: [label]).item)

    func compare(_ a: Inference, _ b: Inference, _ weights: ClassSensitivity.Weights) {
      let (explained, opposed) = (a.maps(methods, of: top, at: layers), b.maps(methods, of: bottom, at: layers))
      for (m, method) in methods.enumerated() {
        for (l, layer) in layers.enumerated() {
          let correlations = ClassSensitivityScore.correlations(
            explained[m][l], opposed[m][l], height: image.shape[1], width: image.shape[2])
          result.correlations.append((Setting(method: method, layer: layer, weights: weights), correlations[0]))
        }
      }
    }
    compare(plain, plain, .plain)
    if let virtualRate {
      func moved(_ classes: [Int]) -> Inference {
        let update = InnerUpdate(rate: virtualRate)
        return Inference(
          update.applied(to: tracked, image, plain.output, towards: classes, isDifferentiated: false), image,
          capturing: layers)
      }
      compare(moved(top), moved(bottom), .virtual)
    }
    return result
  }

  /// Measures images [N, H, W, 3] with `labels`, adding to `result`; images are independent of each other.
  public func measure(
    _ network: Network, _ images: Tensor, labels: [Int], workers: Int, into result: inout Result
  ) throws {
    let (network, images) = (network.converted(to: precision), images.converted(to: precision))
    try Parallel.forEachInOrder(
      labels.count, workers: workers,
      { index in
        Profile.phase(.evaluation) {
          measure(network, images.sliced(axis: 0, from: index, length: 1), label: labels[index])
        }
      }
    ) { result.add($0) }
  }
}
