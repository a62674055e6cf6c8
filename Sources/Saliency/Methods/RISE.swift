import Networks
import Tensors

/// RISE (Petsiuk et al. 2018): the mean of random masks, weighted by the class's probability for the masked image. A
/// mask has 7×7 random cells, half of them open, and is enlarged bilinearly and shifted by up to a cell. It masks the
/// image, so that it exists only at `input`. `rise:4000` states the number of masks.
public struct RISE: SaliencyMethod {
  /// The number of masks; each needs a pass through the network.
  public var masks: Int
  /// The number of masks if the name does not state one.
  public static let usualMasks = 1000
  /// The largest number of masks. Each is a pass through the network, whose graph is kept in training.
  private static let mostMasks = 100_000

  /// Creates the method; by default with 1000 masks.
  public init(masks: Int = usualMasks) { self.masks = masks }

  public static let named = [(name: "rise", method: RISE())]

  public var name: String { masks == Self.usualMasks ? "rise" : "rise:\(masks)" }

  public static func parse(_ name: MethodName) throws(Method.Malformed) -> RISE? {
    guard name.word == "rise", name.rest == nil else { return nil }
    return RISE(masks: try name.number(of: "masks", upTo: mostMasks, usually: usualMasks))
  }

  public func obstacle(at layer: String, of network: Network) -> String? {
    layer == "input" ? nil : "explains the image itself, so its only layer is 'input', not '\(layer)'"
  }

  public func maps(_ request: MapRequest) -> [Tensor] {
    let map = map(request.inference.network, request.inference.images, request.classes, request.createGraph)
    return request.layers.map { _ in map }
  }

  private func map(_ network: Network, _ images: Tensor, _ classes: [Int], _ createGraph: Bool) -> Tensor {
    let network = createGraph ? network : network.with(parameters: network.parameters.map { $0.detached() })
    let cells = 7
    let (height, width) = (images.shape[1], images.shape[2])
    let cell = ((height + cells - 1) / cells, (width + cells - 1) / cells)
    var random = RandomSource(seed: 0, purpose: "rise")
    var sum: Tensor?
    for _ in 0..<masks {
      let grid = (0..<(cells * cells)).map { _ in random.uniform() < 0.5 ? 1.0 : 0.0 }
      let (y, x) = (Int.random(in: 0..<cell.0, using: &random), Int.random(in: 0..<cell.1, using: &random))
      let mask = Tensor(grid, shape: [1, cells, cells, 1]).converted(to: images.scalarType)
        .resized(height: (cells + 1) * cell.0, width: (cells + 1) * cell.1)
        .sliced(axis: 1, from: y, length: height).sliced(axis: 2, from: x, length: width)
      let probability = (network(images * mask).logits.crossEntropy(to: classes) * -1).exp
      let term = probability.reshaped([-1, 1, 1]) * mask.reshaped([1, height, width])
      sum = sum.map { $0 + term } ?? term
    }
    return (sum ?? .zeros([images.shape[0], height, width], images.scalarType)) / (Double(masks) * 0.5)
  }
}

extension Method {
  /// RISE (Petsiuk et al. 2018).
  public static func rise(masks: Int) -> Method { Method(RISE(masks: masks)) }
}
