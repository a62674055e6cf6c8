import Networks
import Tensors

extension Network {
  /// Networks with layers made random (Adebayo et al. 2018), to see whether maps notice: a map that stays the same does not
  /// explain what was learnt. Each layer's parameters are redrawn with the std that they have, from the seed.
  ///
  /// - Parameters:
  ///   - isCascading: whether layers stay random once they are, from the last to the first; else one at a time.
  ///   - seed: what the random numbers follow from.
  /// - Returns: the layers in that order, each with the network.
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
  /// How alike the label's map is to those of the networks that a measure derives: the mean rank correlation over these.
  ///
  /// - Parameters:
  ///   - measure: the measure.
  ///   - setting: how maps are made.
  /// - Returns: the mean over the networks for which there is one, or why there is none.
  public func likeness(toDerived measure: some Measure, at setting: MapSetting) -> Score.Value {
    let own = map(of: label, at: setting)
    let score = Score(
      maps(derivedFor: measure, of: label, at: setting).map { own.rankCorrelation(with: $0) })
    return Score.Value(
      score.mean,
      orUndefined: own.state == .defined ? "random networks' maps constant or not finite" : own.state.rawValue)
  }
}
