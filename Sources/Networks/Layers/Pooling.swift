import Tensors

/// Max pooling over square windows; see `Tensor.maxPooled`.
public struct MaxPool: FixedLayer, TracedOperation {
  /// The side of a window, the distance between neighbouring windows, and the padding on each side, in pixels.
  public let window, stride, padding: Int
  /// Whether a last window that reaches past the padded image counts too, as with PyTorch's `ceil_mode`.
  public let coveringEdges: Bool

  /// Creates a max pooling layer.
  public init(window: Int, stride: Int, padding: Int = 0, coveringEdges: Bool = false) {
    (self.window, self.stride, self.padding, self.coveringEdges) = (window, stride, padding, coveringEdges)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x.maxPooled(window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
  }

  public func shape(of inputs: [[Int]]) -> [Int] { [inputs[0][0]] + inputs[0][1...2].map(windows) + [inputs[0][3]] }

  /// The number of windows along an axis of this many locations.
  func windows(_ inputs: Int) -> Int {
    Tensor.poolings(of: inputs, window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
  }

  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// Average pooling over square windows that do not overlap.
public struct AveragePool: FixedLayer, TracedOperation {
  /// The side of a window, in pixels.
  public let window: Int

  /// Creates an average pooling layer.
  public init(window: Int) { self.window = window }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x.averagePooled(window: window, stride: window)
  }

  public func shape(of inputs: [[Int]]) -> [Int] {
    [inputs[0][0]] + inputs[0][1...2].map { $0 / window } + [inputs[0][3]]
  }

  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .needsNonNegative }
}

/// Average pooling to a fixed number of windows on each side, for images of every size.
public struct AdaptiveAveragePool: FixedLayer, TracedOperation {
  /// The number of rows and of columns of the result.
  public let side: Int

  /// Creates a layer with this many windows on each side.
  public init(_ side: Int) { self.side = side }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x.adaptivelyAveragePooled(height: side, width: side)
  }

  public func shape(of inputs: [[Int]]) -> [Int] { [inputs[0][0], side, side, inputs[0][3]] }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .needsNonNegative }
  public func isIdentity(on shape: [Int]) -> Bool { shape[1] == side && shape[2] == side }
}

/// Global average pooling: the mean over all locations of an image [N, H, W, C], as [N, C] or as [N, 1, 1, C].
public struct GlobalAveragePool: FixedLayer, TracedOperation {
  /// Whether the result is [N, 1, 1, C] instead of [N, C].
  public let keepsLocations: Bool

  /// Creates a global average pooling layer.
  public init(keepsLocations: Bool = false) { self.keepsLocations = keepsLocations }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let means = x.globalAveragePooled()
    return keepsLocations ? means.reshaped([x.shape[0], 1, 1, x.shape[3]]) : means
  }

  public func shape(of inputs: [[Int]]) -> [Int] {
    let (count, channels) = (inputs[0][0], inputs[0][inputs[0].count - 1])
    return keepsLocations ? [count, 1, 1, channels] : [count, channels]
  }

  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .needsNonNegative }
}

extension LayerWord {
  /// The word `max_pool 2 stride 2 padding 0`, whose number is the window size. The default stride is the window size.
  static let maxPool = LayerWord(
    "max_pool", number: .required, options: ["stride", "padding"]
  ) { layer, input throws(LayerDescription.Malformed) in
    let window = layer.number ?? 2
    let pool = MaxPool(window: window, stride: layer["stride"] ?? window, padding: layer["padding"] ?? 0)
    guard 2 * pool.padding <= window else { throw layer.malformed("the padding is more than half of the window") }
    return LayerPlan(channels: input.channels, size: { max(0, pool.windows($0)) }) { _ in pool }
  }

  /// The word `average_pool 2`, whose number is the window size.
  static let averagePool = LayerWord("average_pool", number: .required) { layer, input in
    let window = layer.number ?? 2
    return LayerPlan(channels: input.channels, size: { $0 / window }) { _ in AveragePool(window: window) }
  }

  /// The word `adaptive_average_pool 4`, whose number is the side of the result.
  static let adaptiveAveragePool = LayerWord("adaptive_average_pool", number: .required) { layer, input in
    let side = layer.number ?? 1
    return LayerPlan(channels: input.channels, side: side, size: { _ in side }) { _ in AdaptiveAveragePool(side) }
  }

  /// The word `global_average_pool`.
  static let globalAveragePool = LayerWord("global_average_pool") { _, input in
    LayerPlan(channels: input.channels, isFlat: true, size: { _ in 1 }) { _ in GlobalAveragePool() }
  }
}
