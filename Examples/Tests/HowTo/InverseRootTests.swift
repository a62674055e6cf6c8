import MetasalKit
import Testing

@Suite("The schedule inverse_root") struct InverseRootTests {
  @Test("the rate has halved after three times so many steps")
  func rates() {
    let schedule = InverseRoot(steps: 2)
    #expect(schedule.rate(8, step: 0, of: 9) == 8 && schedule.rate(8, step: 6, of: 9) == 4)
  }
}
