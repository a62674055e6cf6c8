import Synchronization
import Tensors

/// The backward passes of a forward pass, for maps that can be differentiated. Several terms of an outer loss share them: two
/// methods, or one method at different layers. Each pass gives the gradients at all layers whose activations were kept,
/// because one more layer costs little and one more pass, which is differentiated again, costs much.
final class BackwardPasses: Sendable {
  /// What is explained, and the backward rule.
  struct Key: Hashable {
    let classes: [Int]
    let contrast: LogitContrast?
    let rule: BackwardRule
    let sign: Double
  }

  private let known = Mutex<[Key: [String: Tensor]]>([:])

  /// The gradients by the names of layers; `compute` makes them if they are not known.
  func gradients(_ key: Key, compute: () -> [String: Tensor]) -> [String: Tensor] {
    if let gradients = known.withLock({ $0[key] }) { return gradients }
    let new = compute()
    known.withLock { $0[key] = new }
    return new
  }
}
