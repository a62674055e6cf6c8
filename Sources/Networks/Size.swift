import Tensors

extension Architecture {
  /// Parameters of a network of so many classes, for which none of that size is made.
  public func parameterCount(classes: Int) -> Double {
    if case .sequential(let layers) = self { return layers.parameterCounts(classes: classes).reduce(0, +) }
    let small = network(classes: 1, seed: nil).parameters
    // The head comes last: for each class a row of weights and a bias.
    let head = small.suffix(2).reduce(0) { $0 + $1.count }
    return Double(small.reduce(0) { $0 + $1.count }) + Double(classes - 1) * Double(head)
  }
}

extension Network {
  /// Elements of all activations of one image of this size, together. It is exact for described layers; that of others, which
  /// grows with the image's area, is computed from a small image.
  public func activationCount(height: Int, width: Int) -> Double {
    if case .sequential(let layers) = architecture { return layers.activationCount(height: height, width: width) }
    let side = max(Self.probe, architecture.smallestSide)
    let small = trace(height: min(height, side), width: min(width, side))
    let sum = small.steps.reduce(0.0) { $0 + Double($1.shape.reduce(1, *)) }
    return sum * (Double(height) * Double(width)) / Double(small.shape[1] * small.shape[2])
  }

  private static let probe = 64
}
