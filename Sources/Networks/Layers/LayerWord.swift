import Components
import Tensors

/// A word for a layer in the recipe of a sequential network, with its options and rules. Each layer's file has its own; a
/// program adds another by `Registries.layers.register(…)`.
public struct LayerWord: Component {
  /// Whether a number follows the word.
  public enum Number: Sendable { case none, required, optional }

  /// What comes to a layer from those before it.
  public struct Input: Sendable {
    /// Channels, or features where there are no locations left.
    public var channels = 3
    /// Rows and columns, if they are the same for images of every size.
    public var side: Int?
    /// Whether there are no locations left.
    public var isFlat = false
    /// Whether it is the last layer, which makes the logits.
    public var isLast = false
    /// The number of logits.
    public let classes: Int
  }

  /// How the word is written: `max_pool`.
  public let name: String
  let number: Number
  /// Options, each with a number behind it, and those that stand alone.
  let options, flags: [String]
  /// Whether there must be locations.
  let needsLocations: Bool
  /// Whether the layer has running statistics.
  let hasStatistics: Bool
  /// What a layer as it is described makes of its input, and how it is made.
  let plan: @Sendable (LayerDescription, Input) throws(LayerDescription.Malformed) -> LayerPlan

  /// A word for a layer.
  ///
  /// - Parameters:
  ///   - name: the word.
  ///   - number: whether a number follows it.
  ///   - options: options, each with a number behind it; that of `padding` may be 0.
  ///   - flags: options that stand alone.
  ///   - needsLocations: whether the layer is one of images, not of what is left when there are no more locations.
  ///   - hasStatistics: whether the layer has running statistics.
  ///   - plan: the layer's rules; throws what is wrong with a description where the layer would stand.
  public init(
    _ name: String, number: Number = .none, options: [String] = [], flags: [String] = [], needsLocations: Bool = true,
    hasStatistics: Bool = false,
    plan: @escaping @Sendable (LayerDescription, Input) throws(LayerDescription.Malformed) -> LayerPlan
  ) {
    (self.name, self.number, self.options, self.flags) = (name, number, options, flags)
    (self.needsLocations, self.hasStatistics, self.plan) = (needsLocations, hasStatistics, plan)
  }
}

/// What a described layer makes of its input, without a layer being made: its parameters may be more than memory holds.
public struct LayerPlan: Sendable {
  /// Channels of the result.
  let channels: Int
  /// Rows and columns of the result, if they are the same for images of every size.
  let side: Int?
  /// Whether the result has no locations.
  let isFlat: Bool
  /// The number of parameters. A product of what descriptions may say can be more than an integer holds.
  let parameterCount: Double
  /// Rows or columns of the result from those of the input; below 1 if nothing is left.
  let size: @Sendable (Int) -> Int
  /// Makes the layer.
  let make: @Sendable (inout RandomSource?) -> any Module

  /// What a layer makes of its input.
  ///
  /// - Parameters:
  ///   - channels: channels of the result, or features where there are no locations.
  ///   - side: rows and columns of the result, if they are the same for images of every size.
  ///   - isFlat: whether the result has no locations.
  ///   - parameterCount: the number of parameters.
  ///   - size: rows or columns of the result from those of the input; below 1 if nothing is left.
  ///   - make: makes the layer, with weights drawn from a source; zeros if that is nil.
  public init(
    channels: Int, side: Int? = nil, isFlat: Bool = false, parameterCount: Double = 0,
    size: @escaping @Sendable (Int) -> Int = { $0 }, make: @escaping @Sendable (inout RandomSource?) -> any Module
  ) {
    (self.channels, self.side, self.isFlat) = (channels, side, isFlat)
    (self.parameterCount, self.size, self.make) = (parameterCount, size, make)
  }
}

extension Registries {
  /// The layers that the recipe of a sequential network can name.
  public static let layers = Registry<LayerWord>(
    "layer",
    [
      .convolution, .linear, .batchNorm, .relu, .relu6, .siLU, .geLU, .maxPool, .averagePool, .adaptiveAveragePool,
      .globalAveragePool, .flatten,
    ])
}
