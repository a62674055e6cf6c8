import Foundation
import Learning
import Networks
import Tensors

/// How far single precision takes a run's first gradient from where exact arithmetic has it: far, where a network is
/// badly conditioned, as a deep one of random weights may be.
public struct PrecisionComparison: Sendable {
  /// ‖g₃₂ − g₆₄‖ / ‖g₆₄‖, over all parameters.
  public let difference: Double
  /// How many images it was the gradient of.
  let images: Int
  /// How long it took to find out.
  public let seconds: Double

  /// From this on people are told.
  private static let tolerance = 0.05

  /// What to tell people; nil if the two agree well enough.
  public var note: String? {
    guard !(difference <= Self.tolerance) else { return nil }
    let images = images == 1 ? "one image" : "\(images) images"
    return "Single precision: the first gradient, of \(images), differs by \(percent(difference)) from that in float64 "
      + "(worked out in \(decimal(seconds, 1)) s; `run: { compare_precision: false }` leaves that out). "
      + "`run: { precision: float64 }` trains in double precision, at twice the time and memory."
  }
}

extension Setup {
  /// Compares the gradients of a run's first step on one image, in either precision: the work of about one image's step in
  /// float64 and one's in float32. Where batch norms see the batch it takes as many as a step does, four at most: fewer values
  /// in a batch make the gradient worse conditioned, so that more images than four are no worse off than these.
  ///
  /// - Returns: nil where it says nothing: the run is in float64 anyway, or there is no memory for both.
  public func comparePrecisions() throws -> PrecisionComparison? {
    guard recipe.run.comparesPrecision, recipe.run.precision == .float32, memory.leavesDouble(available: Memory.available)
    else { return nil }
    let start = Date()
    let exact = try comparedGradient(.float64)
    func norm(_ tensors: [Tensor]) -> Double { tensors.reduce(0) { $0 + $1.squared.sum().item }.squareRoot() }
    let size = norm(exact)
    // A gradient that is nothing, or no number, shows itself in the first step.
    guard size > 0, size.isFinite else { return nil }
    let difference = norm(zip(try comparedGradient(.float32), exact).map { $0 - $1 })
    return PrecisionComparison(
      difference: difference / size, images: comparedImages, seconds: Date().timeIntervalSince(start))
  }

  private var comparedImages: Int { step.normalization == .batch ? min(4, recipe.data.batch) : 1 }

  /// The gradient that is compared, worked out in this precision; in float64, a tensor for each parameter.
  func comparedGradient(_ type: ScalarType) throws -> [Tensor] {
    let batch = try train.batch(train.dataset.spread(comparedImages))
    var random = Checkpoint.opponents(recipe)
    let outcome = try step(
      network.converted(to: type), batch.images.converted(to: type), labels: batch.labels,
      targets: .shares(of: batch.targets, classes: network.classes, type), workers: workers, random: &random)
    return outcome.gradients.map { $0.converted(to: .float64) }
  }
}
