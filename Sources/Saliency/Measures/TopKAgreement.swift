import Components
import Tensors

/// The agreement of the most salient pixels of two classes' maps, after CASE (Williamson, Dwyer and Ji 2025,
/// "CASE: Contrastive Activation for Saliency Estimation", the diagnostic test of class sensitivity): the share of the k
/// most salient pixels that both maps have in common, |top-k(a) ∩ top-k(b)| / k. At 1 the maps mark the same pixels
/// whatever the class. Two random maps have the expected value k / n of n pixels, which is the baseline.
///
/// Pixels that are tied across the k-th place, such as the zeros of Grad-CAM, belong to the top-k in part: each with the
/// same share, so that the shares sum to k. The intersection is the sum of the smaller one of both shares.
public struct TopKAgreement: Measure {
  /// The class that is compared with the most likely one.
  public enum Contrast: String, Sendable, CaseIterable { case second, bottom }

  public let name = "top_k_agreement"
  public let isHigherBetter: Bool? = false
  public let aspect: MeasureAspect? = .classSensitivity
  /// k as a share of the pixels.
  public var share: Double
  /// The class that is compared with the most likely one.
  public var against: Contrast

  /// Creates the measure; by default for 5% of the pixels, and for the second most likely class, as in the paper.
  public init(share: Double = 0.05, against: Contrast = .second) { (self.share, self.against) = (share, against) }

  public mutating func visit(_ keys: Keys) {
    keys("share", &share, .number(0.001...0.999))
    keys("against", &against, .choice())
  }

  public var resultName: String { against == .second ? name : "\(name)_\(against.rawValue)" }

  public var explanation: String {
    "Top-k agreement: the share of the most salient \((share * 1000).rounded() / 10)% of the pixels that the maps for the "
      + "most likely and the \(against == .second ? "second most" : "least") likely class have in common."
  }

  public func value(of image: EvaluatedImage, at setting: MapSetting) -> Score.Value {
    let other = against == .second ? image.ranking[min(1, image.ranking.count - 1)] : image.bottom
    return image.map(of: image.top, at: setting).topAgreement(with: image.map(of: other, at: setting), share: share)
  }

  public func obstacle(_ conditions: MeasureConditions) -> String? { conditions.comparisonObstacle }

  public func baselines(at layers: [String]) -> [MeasureBaseline] {
    [
      MeasureBaseline("random maps", key: "\(resultName)_random") { [share] image in
        let pixels = image.image.shape[1] * image.image.shape[2]
        return .defined(Double(ImageMap.topCount(of: pixels, share: share)) / Double(pixels))
      }
    ]
  }
}

extension ImageMap {
  /// k for a share of the pixels, at least 1.
  static func topCount(of pixels: Int, share: Double) -> Int { max(1, Int((Double(pixels) * share).rounded())) }

  /// The share in which each pixel belongs to the k most salient ones: 1, 0, or for ties across the k-th place the same
  /// number for each.
  private func topShares(_ k: Int) -> [Double] {
    var shares = [Double](repeating: 0, count: values.count)
    var left = k
    for group in ties.reversed() where left > 0 {
      let taken = min(left, group.count)
      for pixel in group { shares[pixel] = Double(taken) / Double(group.count) }
      left -= taken
    }
    return shares
  }

  /// The share of the k most salient pixels that this map and another have in common.
  ///
  /// - Parameters:
  ///   - other: the map of another class, of the same size.
  ///   - share: k as a share of the pixels.
  /// - Returns: the agreement, in [0, 1], or the reason why it is undefined.
  public func topAgreement(with other: ImageMap, share: Double) -> Score.Value {
    precondition(
      values.count == other.values.count, "topAgreement: \(values.count) pixels against \(other.values.count)")
    for map in [self, other] {
      if let undefined = map.state.undefined { return undefined }
    }
    let k = Self.topCount(of: values.count, share: share)
    let common = zip(topShares(k), other.topShares(k)).reduce(0) { $0 + min($1.0, $1.1) }
    return .defined(common / Double(k))
  }
}
