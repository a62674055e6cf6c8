import Components
import Formats
import Foundation
import Logging
import Recipes
import Tensors

/// Makes the runs of a sweep, several at the same time. What is finished is not made again, and what an interruption left
/// unfinished goes on.
public struct Sweep {
  let plan: SweepPlan
  let program: String
  let choice: Choice
  let isInterrupted: () -> Bool
  let logger: Logger

  /// Prepares a sweep.
  ///
  /// - Parameters:
  ///   - plan: the sweep.
  ///   - choice: the runs that are made.
  ///   - program: the path of metasal; by default that of this program.
  ///   - isInterrupted: asked again and again; if it returns true, runs save their state and end.
  ///   - logger: for messages to the user; its notices are the results.
  public init(
    _ plan: SweepPlan, choice: Choice = Choice(), program: String? = nil,
    isInterrupted: @escaping () -> Bool = { false }, logger: Logger = .silent
  ) {
    (self.plan, self.choice, self.isInterrupted, self.logger) = (plan, choice, isInterrupted, logger)
    self.program = program ?? Self.program
  }

  /// The path of this program.
  public static var program: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }

  /// Makes all chosen runs, and then the tables and the page.
  ///
  /// - Throws: ``SweepEnd`` if it is interrupted or if runs failed, or a `FileError` if another sweep works in the folder,
  ///   or a folder holds what may not be replaced.
  public func run() throws {
    try Files.makeFolder(plan.file.output)
    let lock = try RunLock(plan.file.output + "/.metasal-lock")
    try withExtendedLifetime(lock) {
      try Ownership.requireReplaceable(plan.outputs, inputs: [plan.path])
      try requireReady(chosen(plan.runs))
      var failures: [SweepEnd.Failure] = []
      if let halving = plan.file.halving {
        var points = Array(plan.file.points.indices)
        for rung in 0..<halving.rungs where !points.isEmpty {
          let runs = plan.runs(ofRung: rung).filter { points.contains($0.point) }
          logger.info("Rung \(rung) of \(halving.rungs): \(points.count) points, \(runs.first?.length ?? "")")
          failures += try make(runs)
          points = try plan.survivors(of: rung, among: points)
        }
      } else {
        failures = try make(plan.runs(ofRung: nil))
      }
      try report()
      guard failures.isEmpty else { throw SweepEnd.failed(failures) }
    }
  }

  /// Makes one run alone, as a task of a job array does, with all processors.
  ///
  /// - Parameter index: the run's index among all.
  /// - Throws: as ``run()`` does.
  public func run(only index: Int) throws {
    let run = plan.runs[index]
    try Files.makeFolder(plan.file.output)
    try requireReady([run])
    let failures = try make([run], atOnce: 1)
    guard failures.isEmpty else { throw SweepEnd.failed(failures) }
  }

  /// Makes the tables and the page of what is finished, and says the table.
  public func report() throws {
    let results = try SweepResults(plan)
    try Ownership.requireReplaceable(plan.outputs, inputs: [plan.path])
    try results.write()
    logger.notice("\n\(results.text(width: Terminal.output.columns))\n\nThe page is \(plan.page).")
  }

  /// Those of some runs that are chosen.
  func chosen(_ runs: [SweepRun]) -> [SweepRun] {
    runs.filter { choice.includes($0, named: plan.file.points[$0.point].name) }
  }
}
