import Tensors

/// The positive part.
public struct ReLU: FixedLayer, TracedOperation {
  /// The positive part, which has no parameters.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x.relu }
  public var sign: ResultSign { .nonNegative }
  public var excitation: ExcitationUse { .passes }
}

/// The positive part, at most 6 (Sandler et al. 2018).
public struct ReLU6: FixedLayer, TracedOperation {
  /// The positive part up to 6, which has no parameters.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x.relu.limited(to: 6) }
  public var sign: ResultSign { .nonNegative }
  public var excitation: ExcitationUse { .passes }
}

/// x times the sigmoid of x (Elfwing et al. 2017).
public struct SiLU: FixedLayer, TracedOperation {
  /// The function, which has no parameters.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { x * x.sigmoid }
}

/// x times the normal distribution's cumulative function of x (Hendrycks and Gimpel 2016).
public struct GeLU: FixedLayer, TracedOperation {
  /// The function, which has no parameters.
  public init() {}
  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    x * ((x * 0.5.squareRoot()).erf + 1) * 0.5
  }
}

extension LayerWord {
  /// `relu`
  static let relu = elementwise("relu") { ReLU() }
  /// `relu6`
  static let relu6 = elementwise("relu6") { ReLU6() }
  /// `silu`
  static let siLU = elementwise("silu") { SiLU() }
  /// `gelu`
  static let geLU = elementwise("gelu") { GeLU() }

  /// A layer without settings that changes each element by itself.
  ///
  /// - Parameters:
  ///   - name: the word.
  ///   - make: makes the layer.
  /// - Returns: the word with its rules.
  public static func elementwise(_ name: String, _ make: @escaping @Sendable () -> any Module) -> LayerWord {
    LayerWord(name, needsLocations: false) { _, input in
      LayerPlan(channels: input.channels, side: input.side, isFlat: input.isFlat) { _ in make() }
    }
  }
}
