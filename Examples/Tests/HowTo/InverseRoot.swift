import Foundation
import MetasalKit

/// The rate falls as the inverse square root of the steps (Vaswani et al. 2017, section 5.3, after the warm-up).
struct InverseRoot: Schedule {
  let name = "inverse_root"
  /// The number of steps after which the rate has fallen to 1/√2 of the peak.
  var steps = 100

  mutating func visit(_ keys: Keys) { keys("steps", &steps, .count(from: 1)) }

  func rate(_ peak: Double, at position: RunPosition) -> Double {
    peak / (1 + Double(position.step) / Double(steps)).squareRoot()
  }
}
