import Networks
import Saliency
import Tensors

/// The passes that the objectives of some images need, without repetitions.
struct PassPlan: Sendable {
  /// The pass whose result a term uses.
  enum Source: Sendable {
    /// The pass that normalizes as in training.
    case training
    /// The pass at the network's own weights over a set of images, by the index of the set.
    case plain(Int)
    /// A second pass at the network's own weights over a set of images. Terms that also have virtual passes use it,
    /// because their passes are differentiated together.
    case plainAgain(Int)
    /// The pass at the weights after an update, by the index of the update.
    case virtual(Int)
  }

  /// An objective's term with the sources of its passes.
  struct Term: Sendable {
    let sources: [Source]
    let value: @Sendable ([Inference]) -> Tensor
    /// Whether some of its passes are at virtual weights.
    let isVirtual: Bool
    /// Whether it uses activations, as maps do.
    let hasLayers: Bool
  }

  /// A virtual update that a term requests.
  struct Update: Sendable {
    /// The index of the set of images that the update is computed from.
    let set: Int
    /// The class of each image that the update goes towards.
    let classes: [Int]
    /// The layers whose activations are kept in the pass after the update.
    var layers: [String]
  }

  /// The terms of each objective; empty if it does not take part.
  private(set) var terms: [[Term]] = []
  /// The sets of images, beginning with the batch's own. `layers` are those whose activations are kept in the pass at
  /// the network's own weights; nil if there is no such pass.
  private(set) var sets: [(images: Tensor, layers: [String]?)]
  /// The requested updates in order, with repetitions.
  private(set) var updates: [Update] = []
  /// The layers that are kept in second plain passes, by the index of the set of images.
  private(set) var again: [Int: [String]] = [:]

  /// Creates a plan.
  ///
  /// - Parameters:
  ///   - requested: for each objective its terms, empty if it does not take part, and whether it normalizes as in
  ///     training.
  ///   - images: the batch's own images.
  ///   - layers: the layers that were kept in the existing pass over these images; nil if there is no such pass.
  init(_ requested: [(terms: [ObjectiveTerm], isTraining: Bool)], images: Tensor, layers: [String]?) {
    sets = [(images, layers)]
    for (terms, isTraining) in requested {
      self.terms.append(
        terms.map { term in
          let isVirtual = term.passes.contains(where: \.isVirtual)
          let sources = term.passes.map { isTraining ? .training : source($0, besideVirtual: isVirtual) }
          return Term(
            sources: sources, value: term.value, isVirtual: isVirtual,
            hasLayers: term.passes.contains { !$0.layers.isEmpty })
        })
    }
  }

  private mutating func source(_ request: PassRequest, besideVirtual: Bool) -> Source {
    let set = self.set(of: request.images)
    switch request.weights {
    case .virtual(let classes):
      if sets[set].layers == nil { sets[set].layers = [] }
      updates.append(Update(set: set, classes: classes, layers: request.layers))
      return .virtual(updates.count - 1)
    case .plain where besideVirtual:
      again[set, default: []].add(request.layers)
      return .plainAgain(set)
    case .plain:
      if set == 0 {
        precondition(
          request.layers.allSatisfy((sets[0].layers ?? []).contains),
          "PassPlan: \(request.layers) at plain weights are not among the layers that the objective said it needs")
      } else {
        sets[set].layers = (sets[set].layers ?? []).adding(request.layers)
      }
      return .plain(set)
    }
  }

  /// The index of the set with these images. Images of equal content are one set.
  private mutating func set(of images: Tensor?) -> Int {
    guard let images else { return 0 }
    let (own, count) = (sets[0].images, images.shape[0])
    precondition(count == own.shape[0], "PassPlan: \(count) images of an objective's own for \(own.shape[0])")
    let known = sets.firstIndex { $0.images.shape == images.shape && $0.images.hasSameBytes(as: images) }
    if let known { return known }
    sets.append((images.detached(), nil))
    return sets.count - 1
  }
}

/// The distinct updates of a batch. Updates that are equal in all parts of the batch are made once.
struct UpdateSlots: Sendable {
  /// For each requested update, the index of the distinct update that serves it.
  let slots: [Int]
  /// For each distinct update, the index of the first request for it.
  let first: [Int]

  /// Finds the distinct updates.
  ///
  /// - Parameter plans: the plans of all parts of a batch; each requests the same number of updates.
  init(_ plans: [PassPlan]) {
    var (slots, first): ([Int], [Int]) = ([], [])
    for update in 0..<(plans.first?.updates.count ?? 0) {
      let same = first.firstIndex { other in
        plans.allSatisfy { plan in
          let (a, b) = (plan.updates[other], plan.updates[update])
          return a.set == b.set && a.classes == b.classes
        }
      }
      if same == nil { first.append(update) }
      slots.append(same ?? first.count - 1)
    }
    (self.slots, self.first) = (slots, first)
  }

  /// The layers that are kept in the pass after each distinct update.
  func layers(_ plan: PassPlan) -> [[String]] {
    var layers = [[String]](repeating: [], count: first.count)
    for (update, slot) in slots.enumerated() { layers[slot].add(plan.updates[update].layers) }
    return layers
  }
}

extension Tensor {
  /// Whether two tensors of the same shape hold the same bytes.
  fileprivate func hasSameBytes(as other: Tensor) -> Bool {
    scalarType == other.scalarType
      && withUnsafeBytes { own in other.withUnsafeBytes { own.elementsEqual($0) } }
  }
}

extension [String] {
  /// The names, followed by the other names that are not among them.
  fileprivate func adding(_ others: [String]) -> [String] { self + others.filter { !contains($0) } }

  fileprivate mutating func add(_ others: [String]) { self = adding(others) }
}
