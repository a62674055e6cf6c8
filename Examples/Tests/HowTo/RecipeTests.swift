import MetasalKit
import Testing

@Suite("A recipe that names components of one's own") struct RecipeTests {
  @Test("it is read with their settings, and written so that it is read again as the same")
  func recipe() throws {
    let recipe = try HowTo.setup().recipe
    #expect((recipe.outer.last?.objective as? MapShift)?.strength == 2)
    #expect((recipe.evaluation.measures.first { $0.name == "coverage" } as? Coverage)?.threshold == 0.3)
    #expect((recipe.optimizer.rule as? Signum)?.weightDecay == 0.01)
    #expect((recipe.optimizer.schedule as? InverseRoot)?.steps == 2)
    #expect((recipe.data.augmentation.last as? Grayscale)?.probability == 0.2 && recipe.data.mixing.first is Halves)
    #expect(try Recipe.parse(recipe.yaml, source: "again").yaml == recipe.yaml)
  }

  @Test("its run, stopped and resumed, ends in the same bytes")
  func resumed() throws {
    let setup = try HowTo.setup()
    try HowTo.inScratchFolder { folder in
      let (whole, parts) = (RunFolder("\(folder)/whole"), RunFolder("\(folder)/parts"))
      let result = try Trainer(setup, folder: whole).run()
      #expect(result.after.scores["coverage"]?.isEmpty == false)
      #expect(throws: RunEnd.self) { try Trainer(setup, folder: parts, isInterrupted: { true }).run() }
      try Trainer(setup, folder: parts).run(.resume)
      #expect(try Files.read(whole.last) == Files.read(parts.last))
    }
  }
}
