import Tensors

/// What a pass leaves out at random, as the training of a task loss does: elements at dropout layers (Srivastava et al. 2014)
/// and residual branches of whole images by stochastic depth (Huang et al. 2016). What is kept is divided by the
/// probability that it is kept, as in PyTorch.
///
/// Each image has its own random number, and each layer its own draws of it, so that the result depends neither on the other
/// images nor on the number of threads, and a repeated pass leaves out the same.
public struct Dropping: Sendable {
  /// The probability that something is left out.
  public enum Rate: Sendable, Hashable {
    /// Nothing is left out.
    case none
    /// The usual rate of the architecture.
    case standard
    /// This rate; of stochastic depth that of the last block, from which it falls towards the first one.
    case fixed(Double)
  }

  /// The rate of dropout layers.
  public var dropout: Rate
  /// The rate of stochastic depth.
  public var stochasticDepth: Rate
  /// A random number for each image.
  public var draws: [UInt64]

  /// Creates a description; without draws, of which a pass needs one for each image.
  public init(dropout: Rate = .none, stochasticDepth: Rate = .none, draws: [UInt64] = []) {
    (self.dropout, self.stochasticDepth, self.draws) = (dropout, stochasticDepth, draws)
  }

  /// Whether something is left out.
  public var isOn: Bool { dropout != .none || stochasticDepth != .none }

  /// The same with random numbers for images.
  public func drawing(_ draws: [UInt64]) -> Dropping {
    var copy = self
    copy.draws = draws
    return copy
  }

  /// Multiplies the elements of each image by factors that are 0 with the probability `rate`, and 1 / (1 − rate) otherwise.
  ///
  /// - Parameters:
  ///   - x: [N, …].
  ///   - rate: the probability, below 1.
  ///   - layer: the layer's name, which tells its draws from those of other layers.
  ///   - wholeImages: whether an image has one factor for all of its elements.
  /// - Returns: the product.
  func dropped(_ x: Tensor, _ rate: Double, _ layer: String, wholeImages: Bool) -> Tensor {
    guard rate > 0 else { return x }
    precondition(draws.count == x.shape[0], "Dropping: \(draws.count) random numbers for \(x.shape[0]) images")
    let shape = wholeImages ? x.shape.dropFirst().map { _ in 1 } : Array(x.shape.dropFirst())
    let factors = draws.map { draw in
      var random = RandomSource(seed: draw, purpose: layer)
      return Tensor.uniform([1] + shape, from: -rate, to: 1 - rate, x.scalarType, using: &random).relu.sign
        * (1 / (1 - rate))
    }
    return x * .concatenated(factors, axis: 0)
  }
}

/// Dropout: the identity, except in passes that leave out something at random; see ``Dropping``.
public struct Dropout: FixedLayer {
  /// The usual probability that an element is left out.
  public let rate: Double

  /// A layer with its usual rate.
  public init(_ rate: Double) { self.rate = rate }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor { pass.droppingElements(of: x, rate) }
}

/// Stochastic depth of a residual branch.
struct StochasticDepth: Sendable {
  /// The usual rate of the last block.
  let rate: Double
  /// The share of a block's rate in that of the last block.
  let share: Double
}

extension Pass {
  /// The output of a dropout layer.
  mutating func droppingElements(of x: Tensor, _ rate: Double) -> Tensor {
    places.dropout = true
    guard let dropping else { return x }
    return dropping.dropped(x, dropping.dropout.value(rate), path.description, wholeImages: false)
  }

  /// The output of a residual branch.
  mutating func droppingBranch(_ y: Tensor, _ depth: StochasticDepth) -> Tensor {
    places.stochasticDepth = true
    guard let dropping else { return y }
    let rate = dropping.stochasticDepth.value(depth.rate) * depth.share
    return dropping.dropped(y, rate, path.description, wholeImages: true)
  }
}

extension Dropping.Rate {
  fileprivate func value(_ standard: Double) -> Double {
    switch self {
    case .none: 0
    case .standard: standard
    case .fixed(let rate): rate
    }
  }
}

extension Network {
  /// Whether the network has dropout layers, and whether it has blocks with stochastic depth.
  public var dropPlaces: (dropout: Bool, stochasticDepth: Bool) {
    let side = architecture.smallestSide
    var pass = Pass(normalization: .running, wanted: [])
    _ = root(.zeros([1, side, side, 3], scalarType), &pass)
    return pass.places
  }
}

extension LayerWord {
  /// The word `dropout 50`, whose number is the rate in percent.
  static let dropout = LayerWord("dropout", number: .required, needsLocations: false) {
    layer, input throws(LayerDescription.Malformed) in
    let percent = layer.number ?? 50
    guard percent < 100 else { throw layer.malformed("the rate is in percent, from 1 to 99") }
    return LayerPlan(channels: input.channels, side: input.side, isFlat: input.isFlat) { _ in
      Dropout(Double(percent) / 100)
    }
  }
}
