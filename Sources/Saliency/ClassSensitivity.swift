import Tensors

/// Class sensitivity, the measure ("There and Back Again", section 4.2): for each image, the rank correlation of the maps for
/// the most and the least likely class. Lower is better; at 1 the map does not depend on the class.
public struct ClassSensitivityScore: Sendable, Equatable {
  /// The correlation for each image, nil where a map is constant and there is none.
  public private(set) var correlations: [Double?] = []

  /// A score over images, none at first.
  public init(_ correlations: [Double?] = []) { self.correlations = correlations }

  /// Adds an image's correlation; nil where it is undefined.
  public mutating func add(_ correlation: Double?) { correlations.append(correlation) }

  /// For each image, the rank correlation of two maps [N, H, W] after bilinear resizing to the image.
  public static func correlations(_ a: Tensor, _ b: Tensor, height: Int, width: Int) -> [Double?] {
    let pixels = height * width
    func rows(_ map: Tensor) -> [Double] {
      map.detached().reshaped(map.shape + [1]).resized(height: height, width: width).doubles
    }
    let (x, y) = (rows(a), rows(b))
    return (0..<a.shape[0]).map { image in
      let range = (image * pixels)..<((image + 1) * pixels)
      return rankCorrelation(Array(x[range]), Array(y[range]))
    }
  }

  private var defined: [Double] { correlations.compactMap(\.self) }

  /// Images whose correlation is undefined.
  public var undefined: Int { correlations.count - defined.count }

  /// The mean over images where it is defined; nil if it is nowhere.
  public var mean: Double? { defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count) }

  /// The standard deviation over images (of the population).
  public var deviation: Double? {
    mean.map { mean in
      (defined.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(defined.count)).squareRoot()
    }
  }
}
