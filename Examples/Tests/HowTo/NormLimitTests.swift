import MetasalKit
import Testing

@Suite("The observer NormLimit") struct NormLimitTests {
  @Test("it sees every step's norm, and ends a run that exceeds the limit")
  func limit() throws {
    let (tolerant, strict) = (NormLimit(.infinity), NormLimit(1e-12))
    let setup = try HowTo.setup()
    try HowTo.inScratchFolder { folder in
      try Trainer(setup, folder: RunFolder("\(folder)/whole"), observers: [tolerant]).run()
      #expect(tolerant.norms.count == setup.recipe.run.steps && tolerant.norms.allSatisfy { $0 > 0 })
      #expect(throws: NormLimit.Exceeded.self) {
        try Trainer(setup, folder: RunFolder("\(folder)/ended"), observers: [strict]).run()
      }
      #expect(strict.norms.count == 1)
    }
  }
}
