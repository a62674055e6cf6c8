import Networks
import Saliency
import Tensors

/// Which passes some images' objectives need, each once.
struct PassPlan: Sendable {
  /// Where a term finds the result of a pass.
  enum Source: Sendable {
    /// The pass that normalizes as training does.
    case training
    /// The pass at the network's own weights, of a set of images.
    case plain(Int)
    /// The same, made once more beside passes at virtual weights, since the two are differentiated together.
    case plainAgain(Int)
    /// The pass at the weights after an update.
    case virtual(Int)
  }

  /// An objective's term with its passes found.
  struct Term: Sendable {
    let sources: [Source]
    let value: @Sendable ([Inference]) -> Tensor
    /// Whether it has passes at virtual weights.
    let isVirtual: Bool
    /// Whether it looks into the network, as maps do.
    let hasLayers: Bool
  }

  /// A virtual update that a term asks for.
  struct Update: Sendable {
    /// The set of images that it is made of.
    let set: Int
    /// The classes it goes towards, one for each image.
    let classes: [Int]
    /// Layers that are kept of the pass after it.
    var layers: [String]
  }

  /// For each objective its terms; none where it takes no part.
  private(set) var terms: [[Term]] = []
  /// The sets of images, the batch's own first; layers that are kept of each one's pass at the network's own weights, nil if
  /// there is no such pass.
  private(set) var sets: [(images: Tensor, layers: [String]?)]
  /// In the order in which they are asked for, with repetitions.
  private(set) var updates: [Update] = []
  /// Layers that are kept of plain passes that are made once more, by the set of images.
  private(set) var again: [Int: [String]] = [:]

  /// - Parameters:
  ///   - requested: for each objective its terms, none where it takes no part, and whether it normalizes as training does.
  ///   - images: the batch's own.
  ///   - layers: what is kept of the pass on these that was made already, nil if there is none.
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

  /// The set with these images; those of equal content are one set.
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

/// Updates that are the same in all parts of a batch, so that each is made once.
struct UpdateSlots: Sendable {
  /// For each update that is asked for, the one that it is.
  let slots: [Int]
  /// For each one of these, the first that asks for it.
  let first: [Int]

  /// - Parameter plans: those of the parts of a batch, each of which asks for as many updates.
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

  /// Layers that are kept of the pass after each update.
  func layers(_ plan: PassPlan) -> [[String]] {
    var layers = [[String]](repeating: [], count: first.count)
    for (update, slot) in slots.enumerated() { layers[slot].add(plan.updates[update].layers) }
    return layers
  }
}

extension Tensor {
  /// Whether two tensors of one shape hold the same bytes.
  fileprivate func hasSameBytes(as other: Tensor) -> Bool {
    scalarType == other.scalarType
      && withUnsafeBytes { own in other.withUnsafeBytes { own.elementsEqual($0) } }
  }
}

extension [String] {
  /// With those of other names that are not there yet.
  fileprivate func adding(_ others: [String]) -> [String] { self + others.filter { !contains($0) } }

  fileprivate mutating func add(_ others: [String]) { self = adding(others) }
}
