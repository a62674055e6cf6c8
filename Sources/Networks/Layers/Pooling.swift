import Tensors

/// Maxima over square windows; see `Tensor.maxPooled`.
public struct MaxPool: FixedLayer, TracedOperation {
  /// Rows and columns of a window, from one window to the next, and of what is added on each side.
  public let window, stride, padding: Int
  /// Whether a last window that reaches past the padded image counts too.
  public let coveringEdges: Bool

  /// Maxima over windows.
  public init(window: Int, stride: Int, padding: Int = 0, coveringEdges: Bool = false) {
    (self.window, self.stride, self.padding, self.coveringEdges) = (window, stride, padding, coveringEdges)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x.maxPooled(window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
  }

  public func shape(of inputs: [[Int]]) -> [Int] { [inputs[0][0]] + inputs[0][1...2].map(windows) + [inputs[0][3]] }

  /// How many windows there are along an axis of so many locations.
  func windows(_ inputs: Int) -> Int {
    Tensor.poolings(of: inputs, window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
  }

  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .passes }
}

/// Means over square windows that lie side by side.
public struct AveragePool: FixedLayer, TracedOperation {
  /// Rows and columns of a window.
  public let window: Int

  /// Means over windows.
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

/// Means over as many windows as this on each side, whatever the size of the image.
public struct AdaptiveAveragePool: FixedLayer, TracedOperation {
  /// Rows and columns of the result.
  public let side: Int

  /// Means over so many windows on each side.
  public init(_ side: Int) { self.side = side }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x.adaptivelyAveragePooled(height: side, width: side)
  }

  public func shape(of inputs: [[Int]]) -> [Int] { [inputs[0][0], side, side, inputs[0][3]] }
  public var sign: ResultSign { .asInputs }
  public var excitation: ExcitationUse { .needsNonNegative }
  public func isIdentity(on shape: [Int]) -> Bool { shape[1] == side && shape[2] == side }
}

/// The mean over all locations: an image [N, H, W, C] to [N, C], or with the locations kept to [N, 1, 1, C].
public struct GlobalAveragePool: FixedLayer, TracedOperation {
  /// Whether there is one location left, not none.
  public let keepsLocations: Bool

  /// The mean over all locations.
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
  /// `max_pool 2 stride 2 padding 0`: the window; windows lie side by side unless said.
  static let maxPool = LayerWord(
    "max_pool", number: .required, options: ["stride", "padding"]
  ) { layer, input throws(LayerDescription.Malformed) in
    let window = layer.number ?? 2
    let pool = MaxPool(window: window, stride: layer["stride"] ?? window, padding: layer["padding"] ?? 0)
    guard 2 * pool.padding <= window else { throw layer.malformed("the padding is more than half of the window") }
    return LayerPlan(channels: input.channels, size: { max(0, pool.windows($0)) }) { _ in pool }
  }

  /// `average_pool 2`: the window.
  static let averagePool = LayerWord("average_pool", number: .required) { layer, input in
    let window = layer.number ?? 2
    return LayerPlan(channels: input.channels, size: { $0 / window }) { _ in AveragePool(window: window) }
  }

  /// `adaptive_average_pool 4`: the side of the result.
  static let adaptiveAveragePool = LayerWord("adaptive_average_pool", number: .required) { layer, input in
    let side = layer.number ?? 1
    return LayerPlan(channels: input.channels, side: side, size: { _ in side }) { _ in AdaptiveAveragePool(side) }
  }

  /// `global_average_pool`
  static let globalAveragePool = LayerWord("global_average_pool") { _, input in
    LayerPlan(channels: input.channels, isFlat: true, size: { _ in 1 }) { _ in GlobalAveragePool() }
  }
}
