import Tensors

/// An image of the validation set with the network's answer, as objectives see it.
public struct EvaluatedImage {
  /// [1, classes].
  public let logits: Tensor
  public let label: Int
  public let labels: [Int]
  public let index: Int
  public let crossEntropy, binaryCrossEntropy: Double
  public let maps: ImageMaps
  public let kind: ImageMaps.Kind

  public init(
    logits: Tensor, label: Int, labels: [Int], index: Int, crossEntropy: Double, binaryCrossEntropy: Double,
    maps: ImageMaps, kind: ImageMaps.Kind
  ) {
    (self.logits, self.label, self.labels, self.index) = (logits, label, labels, index)
    (self.crossEntropy, self.binaryCrossEntropy, self.maps, self.kind) = (crossEntropy, binaryCrossEntropy, maps, kind)
  }
}
