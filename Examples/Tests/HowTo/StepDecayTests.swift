import MetasalKit
import Testing

@Suite("The schedule step_decay") struct StepDecayTests {
  @Test("the rate falls after every so many steps")
  func rates() {
    let schedule = StepDecay(factor: 0.5, every: 2)
    #expect((0..<6).map { schedule.rate(8, step: $0, of: 6) } == [8, 8, 4, 4, 2, 2])
  }
}
