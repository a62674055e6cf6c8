import Networks
import Tensors

extension Network {
  /// Networks with randomized layers (Adebayo et al. 2018), to test whether maps change. A map that does not change
  /// does not explain what the network has learnt. The parameters of a layer are drawn again, with their current std.
  ///
  /// - Parameters:
  ///   - isCascading: whether layers stay randomized, from the last to the first; otherwise one layer is randomized at
  ///     a time.
  ///   - seed: the seed of the random numbers.
  /// - Returns: the randomized layers from the last to the first, each with the network.
  public func randomized(isCascading: Bool, seed: UInt64 = 0) -> [(layer: String, network: Network)] {
    func layer(_ name: String) -> String { String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)]) }
    let layers = parameterNames.filter { $0.hasSuffix("weight") }.map(layer).reversed()
    var result: [(String, Network)] = []
    var current = self
    for (number, redrawn) in layers.enumerated() {
      var random = RandomSource(seed: seed, purpose: "randomize", number)
      let base = isCascading ? current : self
      current = base.with(
        parameters: zip(parameterNames, base.parameters).map { name, parameter in
          guard layer(name) == redrawn, parameter.count > 1 else { return parameter }
          let mean = parameter.mean().item
          let std = (parameter - mean).squared.mean().item.squareRoot()
          return Tensor.normal(parameter.shape, std: std, parameter.scalarType, using: &random) + mean
        })
      result.append((redrawn, current))
    }
    return result
  }
}

extension EvaluatedImage {
  /// The mean rank correlation between the label's map and those of the networks that a measure derives.
  ///
  /// - Parameters:
  ///   - measure: the measure.
  ///   - setting: the method, the layer and the weights.
  /// - Returns: the mean over the networks for which it is defined, or the reason why there is none.
  public func likeness(toDerived measure: some Measure, at setting: MapSetting) -> Score.Value {
    let own = map(of: label, at: setting)
    let score = Score(
      maps(derivedFor: measure, of: label, at: setting).map { own.rankCorrelation(with: $0) })
    return Score.Value(
      score.mean,
      orUndefined: own.state == .defined ? "random networks' maps constant or not finite" : own.state.rawValue)
  }
}
