import Foundation
import TestSupport
import Testing

/// Runs that a signal ends at any moment.
@Suite("Killed runs") struct KillTests {
  private static let recipe = Program.recipe.replacingOccurrences(
    of: "steps: 3", with: "steps: 9, logs: [csv, tensorboard]")

  /// The number of runs to end; METASAL_KILLS sets it for long tests by hand.
  private static let count = ProcessInfo.processInfo.environment["METASAL_KILLS"].flatMap { Int($0) } ?? 8

  @Test("a run that any signal ends at any moment can be resumed to the same bytes as one that never stopped")
  func resume() throws {
    let whole = Program()
    try whole.folder.write("r.yaml", Self.recipe)
    let began = ContinuousClock.now
    #expect(try whole.run("train", "r.yaml").code == 0)
    let duration = Double((ContinuousClock.now - began) / .microseconds(1))
    let expected = try whole.contents().mapValues(Program.timeless)

    var codes: [Int32: Int] = [:]
    for number in 0..<Self.count {
      let program = Program()
      try program.folder.write("r.yaml", Self.recipe)
      // The signals are spread over the run's duration; the result must hold for any moment. Most runs are killed, some
      // twice.
      let signals = [SIGKILL, SIGTERM, SIGKILL, SIGHUP, SIGKILL, SIGINT]
      for (round, signal) in [signals[number % 6], signals[number / 6 % 6]].prefix(1 + number % 2).enumerated() {
        let running = try program.start(["train", "r.yaml"] + (round == 0 ? [] : ["--resume"]))
        usleep(UInt32(duration * (Double(number) + 0.5) / Double(Self.count)))
        kill(running.number, signal)
        let answer = try running.finish()
        codes[answer.code, default: 0] += 1
        // The run may have finished, or may not yet have installed its signal handlers.
        #expect([0, 130, -signal].contains(answer.code), "\(answer.errors)")
      }
      let answer = try program.run("train", "r.yaml", "--resume")
      #expect(answer.code == 0, "\(answer.errors)")
      let contents = try program.contents().filter { !$0.key.hasSuffix(".part") }.mapValues(Program.timeless)
      #expect(contents.keys.sorted() == expected.keys.sorted())
      // Every start notes itself in the environment's file.
      for (name, data) in expected where !name.hasSuffix("environment.jsonl") {
        #expect(contents[name] == data, "\(name), ended for the \(number)th time")
      }
    }
    print("ended runs by exit code: \(codes)")
  }

  @Test("a second run in the folder of an active one is refused, and the first is not disturbed")
  func twoRuns() throws {
    let program = Program()
    try program.folder.write("r.yaml", Program.recipe.replacingOccurrences(of: "steps: 3", with: "steps: 100000"))
    let running = try program.start(["train", "r.yaml"])
    let metrics = program.folder.file("run/metrics.jsonl")
    func lines() -> Int { FileManager.default.contents(atPath: metrics)?.count { $0 == 0x0a } ?? 0 }
    for _ in 0..<1200 where lines() < 4 { usleep(50_000) }
    for mode in [[], ["--overwrite"], ["--resume"]] {
      let answer = try program.start(["train", "r.yaml"] + mode).finish()
      #expect(answer.code == 73)
      #expect(answer.errors.contains("process \(running.number) is training in this folder"), "\(answer.errors)")
    }
    kill(running.number, SIGTERM)
    #expect(try running.finish().code == 130)
    #expect(!FileManager.default.fileExists(atPath: program.folder.file("run/.metasal-lock")))
    // A lock file that a killed run left does not lock the folder.
    try program.folder.write("run/.metasal-lock", "\(running.number)\n")
    #expect(try program.run("train", "r.yaml", "--resume", "--set", "run.steps=1").code == 0)
  }
}
