import Foundation
import Tensors

/// An estimate of peak memory, in units that do not depend on the network.
public struct Footprint: Sendable {
  /// Memory in multiples of the activations of one image.
  public var activations: Double
  /// Memory in multiples of the network's parameters.
  public var parameters: Double

  /// Creates an estimate from both multiples.
  public init(activations: Double, parameters: Double) {
    (self.activations, self.parameters) = (activations, parameters)
  }
}

extension MetaStep {
  /// Estimates the peak memory of a meta step, without the network it starts from and without the batch.
  ///
  /// The factors are fitted to measured peaks of whole runs with two workers: ResNet-20 at 32 pixels; SqueezeNet,
  /// ResNet-18, ResNet-50 and VGG-16 at 224 pixels; in every scope and with every kind of objective. The estimates are
  /// within a quarter of the measured peaks, mostly above them. `shape` is the shape of the batch, [N, H, W, 3],
  /// `parameterBytes` is the size of the network's parameters, and `classes` the number of its classes.
  public func footprint(
    of shape: [Int], parameterBytes: Int, workers: Int, classes: Int = .max
  ) -> Footprint {
    // Composed images come after those of the batch, so that only the larger peak counts.
    compositions.filter { isOn($0.included) }.reduce(Footprint(activations: 0, parameters: 2)) { largest, group in
      let pixels = group.composition?.pixels ?? 1
      let side = pixels.squareRoot()
      let shape = [
        group.composition?.count(of: shape[0]) ?? shape[0], Int((Double(shape[1]) * side).rounded()),
        Int((Double(shape[2]) * side).rounded()), shape[3],
      ]
      let own = footprint(
        group.included, shape, parameterBytes: parameterBytes, workers: workers, classes: classes)
      return Footprint(
        activations: max(largest.activations, own.activations * pixels),
        parameters: max(largest.parameters, own.parameters))
    }
  }

  /// The footprint of the included objectives, which look at images of the same shape, in activations of one such image.
  private func footprint(
    _ included: [Bool], _ shape: [Int], parameterBytes: Int, workers: Int, classes: Int
  ) -> Footprint {
    let all = Double(shape[0])
    func atOnce(_ part: Int) -> Double { min(all, Double(part * max(1, workers))) }
    let threads = min(Double(max(1, workers)), all)
    // The sum of the gradients, the gradients that are being added to it, and the nodes of a segmented sum.
    let segments = Segments.number(of: shape[0], atLeast: Self.imagesPerPart)
    var sum = Footprint(activations: 0, parameters: 2 + log2(Double(min(segments, max(1, shape[0])))))
    let needs = needs
    let whole = zip(included, needs).map {
      $0 && ($1.couplesImages || ($1.normalizesAsTraining && normalization == .batch))
    }
    if isOn(whole) { sum.add(activations: all * Factors.pass, parameters: 1) }
    // The reference network's pass comes first and keeps nothing but logits and the activations that objectives ask for, so
    // that it raises the peak only where there are some.
    let compared = objectives.indices.filter {
      included[$0] && objectives[$0].weight != 0 && needs[$0].usesReference && !needs[$0].layers.isEmpty
    }
    let isCoupled = compared.contains { whole[$0] }
    if isCoupled { sum.add(activations: all * Factors.pass, parameters: 0) }
    // Objectives that compare maps, each counted as the number of pairs of classes whose maps it makes.
    let pairs = objectives.indices.filter {
      included[$0] && objectives[$0].weight != 0 && !needs[$0].normalizesAsTraining
    }.map { max(1, Double(min(needs[$0].mapClasses, classes)) / 2) }
    let comparisons = pairs.reduce(0, +)
    guard isOn(zip(included, whole).map { $0 && !$1 }) else { return sum }
    var apart = Footprint(activations: 0, parameters: 0)
    if !compared.isEmpty && !isCoupled {
      apart.add(activations: atOnce(Self.imagesPerPart) * Factors.pass, parameters: 0)
    }
    // Task losses that leave out something at random have a pass of their own.
    if dropping.isOn { apart.add(activations: atOnce(Self.imagesPerPart) * Factors.pass, parameters: 0) }
    switch isOn(zip(included, needs).map { $0 && $1.usesVirtualWeights }) ? inner?.scope : nil {
    case .image:
      let part = partApart(shape, workers: workers)
      let limit = max(1, imagesAtOnce(parameterBytes: parameterBytes) / part)
      let images = min(all, Double(part * min(max(1, workers), limit)))
      apart.add(
        // Recomputation saves nothing here: the second pass through each block takes as much memory as it saves.
        activations: images * Factors.update * comparisons,
        parameters: images * Factors.copies * comparisons)
    case .batch:
      // The graphs of the update are kept for all parts; the passes at virtual weights are made part by part.
      apart.add(
        activations: (all * Factors.waiting + atOnce(Self.imagesPerPart) * Factors.comparison) * comparisons
          * held,
        parameters: (threads + 4) * comparisons)
    case nil:
      apart.add(
        activations: atOnce(Self.imagesPerPart)
          * (Factors.pass + (Factors.maps - Factors.pass) * (pairs.max() ?? 0)) * held,
        parameters: threads)
    }
    // Objectives that need the whole batch are computed before the others, so that only the larger peak counts.
    return Footprint(
      activations: max(sum.activations, apart.activations), parameters: sum.parameters + apart.parameters)
  }

  /// The share of its activations that a pass still holds with recomputation.
  private var held: Double { recomputes && normalization == .running ? Factors.recomputed : 1 }

  private enum Factors {
    /// Activations of a forward pass with its graph (`pass`), of a pass with the maps of two classes and their graphs
    /// (`maps`), of what is kept of a shared update (`waiting`), of the passes after a shared update (`comparison`),
    /// and of one image's own update with everything that follows it (`update`).
    static let (pass, maps, waiting, comparison, update) = (1.6, 1.9, 1.6, 2.6, 5.0)
    /// Copies of the parameters for one image's own update, and the share of the activations that recomputation keeps.
    static let (copies, recomputed) = (3.5, 0.6)
  }
}

extension Footprint {
  fileprivate mutating func add(activations: Double, parameters: Double) {
    self.activations += activations
    self.parameters += parameters
  }
}
