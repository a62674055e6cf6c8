import Components
import Tensors

/// A word for a layer in the recipe of a sequential network, with its options and rules. Each layer's file defines its
/// own word. A program adds another one by `Registries.layers.register(…)`.
public struct LayerWord: Component {
  /// Whether a number follows the word.
  public enum Number: Sendable { case none, required, optional }

  /// The input of a layer, as far as the layers before it determine it.
  public struct Input: Sendable {
    /// The number of channels, or of features after the locations are gone.
    public var channels = 3
    /// The number of rows and of columns, if it is the same for images of every size.
    public var side: Int?
    /// Whether the input has no locations.
    public var isFlat = false
    /// Whether the layer is the last one, which computes the logits.
    public var isLast = false
    /// The number of logits.
    public let classes: Int
  }

  /// The word: `max_pool`.
  public let name: String
  let number: Number
  /// The options with a number, and the options without one.
  let options, flags: [String]
  /// Whether the layer's input must have locations.
  let needsLocations: Bool
  /// Whether the layer has running statistics.
  let hasStatistics: Bool
  /// Computes the plan of a described layer from its input.
  let plan: @Sendable (LayerDescription, Input) throws(LayerDescription.Malformed) -> LayerPlan

  /// Creates a word for a layer.
  ///
  /// - Parameters:
  ///   - name: the word.
  ///   - number: whether a number follows the word.
  ///   - options: the options with a number; only the number of `padding` may be 0.
  ///   - flags: the options without a number.
  ///   - needsLocations: whether the layer's input must have locations.
  ///   - hasStatistics: whether the layer has running statistics.
  ///   - plan: the layer's rules; it throws the reason if the described layer does not fit its input.
  public init(
    _ name: String, number: Number = .none, options: [String] = [], flags: [String] = [], needsLocations: Bool = true,
    hasStatistics: Bool = false,
    plan: @escaping @Sendable (LayerDescription, Input) throws(LayerDescription.Malformed) -> LayerPlan
  ) {
    (self.name, self.number, self.options, self.flags) = (name, number, options, flags)
    (self.needsLocations, self.hasStatistics, self.plan) = (needsLocations, hasStatistics, plan)
  }
}

/// The result of a described layer, computed without creating the layer, because its parameters may exceed the memory.
public struct LayerPlan: Sendable {
  /// The number of channels of the result.
  let channels: Int
  /// The number of rows and of columns of the result, if it is the same for images of every size.
  let side: Int?
  /// Whether the result has no locations.
  let isFlat: Bool
  /// The number of parameters. It is a `Double`, because a description can state numbers whose product overflows an
  /// integer.
  let parameterCount: Double
  /// Maps the number of rows or columns of the input to that of the result; below 1 if nothing is left.
  let size: @Sendable (Int) -> Int
  /// Creates the layer.
  let make: @Sendable (inout RandomSource?) -> any Module

  /// Creates a plan.
  ///
  /// - Parameters:
  ///   - channels: the number of channels of the result, or of features if it has no locations.
  ///   - side: the number of rows and of columns of the result, if it is the same for images of every size.
  ///   - isFlat: whether the result has no locations.
  ///   - parameterCount: the number of parameters.
  ///   - size: maps the number of rows or columns of the input to that of the result; below 1 if nothing is left.
  ///   - make: creates the layer with weights drawn from a source, or zeros without one.
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
      .globalAveragePool, .flatten, .dropout,
    ])
}
