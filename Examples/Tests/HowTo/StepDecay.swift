import Foundation
import MetasalKit

/// Down by a factor after so many steps each, as PyTorch's `StepLR`.
struct StepDecay: Schedule {
  let name = "step_decay"
  /// What the rate is multiplied by.
  var factor = 0.1
  /// Steps from one change to the next.
  var every = 100

  mutating func visit(_ keys: Keys) {
    keys("factor", &factor, .share)
    keys("every", &every, .count(from: 1))
  }

  func rate(_ peak: Double, step: Int, of total: Int) -> Double { peak * pow(factor, Double(step / every)) }
}
