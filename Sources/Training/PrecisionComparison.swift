import Foundation
import Learning
import Networks
import Tensors

/// The difference between the first gradient of a run in float32 and in float64. It is large if the network is badly
/// conditioned, as a deep network with random weights can be.
public struct PrecisionComparison: Sendable {
  /// The relative difference ‖g₃₂ − g₆₄‖ / ‖g₆₄‖ over all parameters.
  public let difference: Double
  /// The number of images in the compared batch.
  let images: Int
  /// The duration of the comparison in seconds.
  public let seconds: Double

  /// The largest difference that is not reported.
  private static let tolerance = 0.05

  /// The message for the user; nil if the gradients agree well enough.
  public var note: String? {
    guard !(difference <= Self.tolerance) else { return nil }
    let images = images == 1 ? "one image" : "\(images) images"
    return "Single precision: the first gradient, of \(images), differs by \(percent(difference)) from that in float64 "
      + "(computed in \(decimal(seconds, 1)) s; `run: { compare_precision: false }` leaves that out). "
      + "`run: { precision: float64 }` trains in double precision, at twice the time and memory."
  }
}

extension Setup {
  /// Compares the gradients of a run's first step on one image in both precisions, which takes about as long as a step
  /// on one image in each. If batch norms use the batch's statistics, it takes the run's batch, but at most four
  /// images: the gradient is worse conditioned for smaller batches, so larger batches than four are no worse.
  ///
  /// - Returns: the comparison; nil if the run is in float64, the comparison is switched off, memory does not suffice,
  ///   or the gradient is zero or not finite.
  public func comparePrecisions() throws -> PrecisionComparison? {
    guard recipe.run.comparesPrecision, recipe.run.precision == .float32,
      memory.leavesDouble(available: Memory.available)
    else { return nil }
    let start = Date()
    let exact = try comparedGradient(.float64)
    func norm(_ tensors: [Tensor]) -> Double { tensors.reduce(0) { $0 + $1.squared.sum().item }.squareRoot() }
    let size = norm(exact)
    // A zero or non-finite gradient becomes apparent in the first step.
    guard size > 0, size.isFinite else { return nil }
    let difference = norm(zip(try comparedGradient(.float32), exact).map { $0 - $1 })
    return PrecisionComparison(
      difference: difference / size, images: comparedImages, seconds: Date().timeIntervalSince(start))
  }

  private var comparedImages: Int { step.normalization == .batch ? min(4, recipe.data.batch) : 1 }

  /// The compared gradient, computed in precision `type` and converted to float64, with a tensor for each parameter.
  func comparedGradient(_ type: ScalarType) throws -> [Tensor] {
    let batch = try train.batch(train.dataset.spread(comparedImages))
    var random = Checkpoint.contrastClasses(recipe)
    let outcome = try step(
      network.converted(to: type), batch.images.converted(to: type), labels: batch.labels,
      targets: .softTargets(of: batch.targets, classes: network.classes, type), objects: batch.objects(for: step),
      workers: workers, random: &random)
    return outcome.gradients.map { $0.converted(to: .float64) }
  }
}
