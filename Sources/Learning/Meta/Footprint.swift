import Tensors

/// How much memory something takes at its peak, in units that hold for every network.
public struct Footprint: Sendable {
  /// Times the activations of one image.
  public var activations: Double
  /// Times the parameters.
  public var parameters: Double

  /// So many of each.
  public init(activations: Double, parameters: Double) {
    (self.activations, self.parameters) = (activations, parameters)
  }
}

extension MetaStep {
  /// What the step takes, besides the network it starts from and the batch.
  ///
  /// The factors are fitted to peaks of whole runs, with two workers: ResNet-20 at 32 pixels, SqueezeNet, ResNet-18,
  /// ResNet-50 and VGG-16 at 224, by all scopes and kinds of objectives. They meet those within a quarter, mostly from above.
  /// `shape` is that of the batch's images, [N, H, W, 3], and `parameterBytes` are the network's.
  public func footprint(of shape: [Int], parameterBytes: Int, workers: Int) -> Footprint {
    let all = Double(shape[0])
    func atOnce(_ part: Int) -> Double { min(all, Double(part * max(1, workers))) }
    let threads = min(Double(max(1, workers)), all)
    // The sum of gradients, and what it grows by.
    var sum = Footprint(activations: 0, parameters: 2)
    let needs = needs
    let whole = needs.map { $0.couplesImages || ($0.normalizesAsTraining && normalization == .batch) }
    if isOn(whole) { sum.add(activations: all * Factors.pass, parameters: 1) }
    let comparisons = zip(objectives, needs).count { $0.weight != 0 && !$1.normalizesAsTraining }
    guard isOn(whole.map { !$0 }) else { return sum }
    var apart = Footprint(activations: 0, parameters: 0)
    switch needsUpdate ? inner?.scope : nil {
    case .image:
      let part = partsApart(shape, workers: workers).first?.count ?? 1
      let limit = max(1, imagesAtOnce(parameterBytes: parameterBytes) / part)
      let images = min(all, Double(part * min(max(1, workers), limit)))
      apart.add(
        // Recomputing saves nothing here: what it saves, the second pass through each block takes.
        activations: images * Factors.update * Double(comparisons),
        parameters: images * Factors.copies * Double(comparisons))
    case .batch:
      // The parts' graphs of the update wait for each other; what compares goes part by part.
      apart.add(
        activations: (all * Factors.waiting + atOnce(Self.imagesPerPart) * Factors.comparison) * Double(comparisons)
          * held,
        parameters: (threads + 4) * Double(comparisons))
    case nil:
      apart.add(
        activations: atOnce(Self.imagesPerPart) * (comparisons > 0 ? Factors.maps : Factors.pass) * held,
        parameters: threads)
    }
    // The two kinds come one after the other.
    return Footprint(
      activations: max(sum.activations, apart.activations), parameters: sum.parameters + apart.parameters)
  }

  /// How much of its activations a pass still holds that works them out again.
  private var held: Double { recomputes && normalization == .running ? Factors.recomputed : 1 }

  private enum Factors {
    /// Of a pass with its graph; of one with maps of two classes and their graphs; of what is kept of an update that others
    /// share, and of the comparison after it; of an image's own update with all that follows.
    static let (pass, maps, waiting, comparison, update) = (1.6, 1.9, 1.6, 2.6, 5.0)
    /// Of the parameters, for an image's own update; and what is left of activations that are recomputed.
    static let (copies, recomputed) = (3.5, 0.6)
  }
}

extension Footprint {
  fileprivate mutating func add(activations: Double, parameters: Double) {
    self.activations += activations
    self.parameters += parameters
  }
}
