import Tensors

extension Network {
  /// The total number of elements of all activations of one image of this size. It is exact for described layers. For
  /// other networks it is extrapolated from a small image, because it grows with the image's area.
  public func activationCount(height: Int, width: Int) -> Double {
    if let count = architecture.outline.activationCount { return count(height, width) }
    let side = max(Self.probe, architecture.smallestSide)
    let small = trace(height: min(height, side), width: min(width, side))
    let sum = small.steps.reduce(0.0) { $0 + Double($1.shape.reduce(1, *)) }
    return sum * (Double(height) * Double(width)) / Double(small.shape[1] * small.shape[2])
  }

  private static let probe = 64
}
