import Tensors

/// ReLU, max(x, 0).
public struct ReLU: FixedLayer, TracedOperation {
  /// Creates the layer, which has no settings.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x.relu }
  public var sign: ResultSign { .nonNegative }
  public var excitation: ExcitationUse { .passes }
}

/// ReLU with an upper limit of 6 (Sandler et al. 2018).
public struct ReLU6: FixedLayer, TracedOperation {
  /// Creates the layer, which has no settings.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x.relu.limited(to: 6) }
  public var sign: ResultSign { .nonNegative }
  public var excitation: ExcitationUse { .passes }
}

/// The sigmoid linear unit, x · sigmoid(x) (Elfwing et al. 2017).
public struct SiLU: FixedLayer, TracedOperation {
  /// Creates the layer, which has no settings.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x * x.sigmoid }
}

/// The Gaussian error linear unit, x times the cumulative distribution function of the standard normal distribution at
/// x (Hendrycks and Gimpel 2016).
public struct GeLU: FixedLayer, TracedOperation {
  /// Creates the layer, which has no settings.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x * ((x * 0.5.squareRoot()).erf + 1) * 0.5
  }
}

extension LayerWord {
  /// The word `relu`.
  static let relu = elementwise("relu") { ReLU() }
  /// The word `relu6`.
  static let relu6 = elementwise("relu6") { ReLU6() }
  /// The word `silu`.
  static let siLU = elementwise("silu") { SiLU() }
  /// The word `gelu`.
  static let geLU = elementwise("gelu") { GeLU() }

  /// Creates a word for an elementwise layer without settings.
  ///
  /// - Parameters:
  ///   - name: the word.
  ///   - make: creates the layer.
  /// - Returns: the word with its rules.
  public static func elementwise(_ name: String, _ make: @escaping @Sendable () -> any Module) -> LayerWord {
    LayerWord(name, needsLocations: false) { _, input in
      LayerPlan(channels: input.channels, side: input.side, isFlat: input.isFlat) { _ in make() }
    }
  }
}
