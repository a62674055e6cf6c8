import Components
import Formats
import Foundation
import Recipes
import Tensors

/// Makes the runs of a sweep, several at the same time. What is finished is not made again, and what an interruption left
/// unfinished goes on.
public struct Sweep {
  private let plan: SweepPlan
  private let program: String
  private let choice: Choice
  private let isInterrupted: () -> Bool
  private let say: (String) -> Void

  /// The runs that are made, of all of a sweep.
  public struct Choice {
    /// Patterns of points' names, as of files in a shell; nil for all points.
    public var points: [String]?
    /// The seeds; nil for all.
    public var seeds: [Int]?
    /// Whether runs of other recipes in the sweep's folders are replaced.
    public var replacesOthers = false

    /// All runs.
    public init() {}

    /// Whether a run is chosen.
    func includes(_ run: SweepRun, named point: String) -> Bool {
      (points?.contains { fnmatch($0, point, 0) == 0 } ?? true) && (seeds?.contains(run.seed) ?? true)
    }
  }

  /// Prepares a sweep.
  ///
  /// - Parameters:
  ///   - plan: the sweep.
  ///   - choice: the runs that are made.
  ///   - program: the path of metasal; by default that of this program.
  ///   - isInterrupted: asked again and again; if it returns true, runs save their state and end.
  ///   - say: called with messages for the user.
  public init(
    _ plan: SweepPlan, choice: Choice = Choice(), program: String? = nil,
    isInterrupted: @escaping () -> Bool = { false },
    say: @escaping (String) -> Void
  ) {
    (self.plan, self.choice, self.isInterrupted, self.say) = (plan, choice, isInterrupted, say)
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
      try requireOwnFolders()
      try requireInputs()
      var failures: [SweepEnd.Failure] = []
      if let halving = plan.file.halving {
        var points = Array(plan.file.points.indices)
        for rung in 0..<halving.rungs where !points.isEmpty {
          let runs = plan.runs(ofRung: rung).filter { points.contains($0.point) }
          say("Rung \(rung) of \(halving.rungs): \(points.count) points, \(runs.first?.length ?? "")")
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
    try requireOwnFolders([run])
    try requireInputs([run])
    let failures = try make([run], atOnce: 1)
    guard failures.isEmpty else { throw SweepEnd.failed(failures) }
  }

  /// Makes the tables and the page of what is finished, and says the table.
  public func report() throws {
    let results = try SweepResults(plan)
    try Ownership.requireReplaceable(plan.outputs, inputs: [plan.path])
    say("\n" + (try results.write()))
  }

  private func chosen(_ runs: [SweepRun]) -> [SweepRun] {
    runs.filter { choice.includes($0, named: plan.file.points[$0.point].name) }
  }

  /// Throws if a chosen run's folder holds a run of another recipe, unless that is to be replaced.
  private func requireOwnFolders(_ runs: [SweepRun]? = nil) throws {
    guard !choice.replacesOthers else { return }
    for run in chosen(runs ?? plan.runs) {
      guard case .other(let changes) = try run.state() else { continue }
      throw FileError(
        .unwritable, run.folder.path,
        "the folder holds a run of another recipe (\(changes.prefix(3).joined(separator: "; "))); replace such runs with "
          + "--overwrite, or name another output")
    }
  }

  /// Throws if a file that a chosen run reads is not there, rather than let every run find that.
  private func requireInputs(_ runs: [SweepRun]? = nil) throws {
    for run in chosen(runs ?? plan.runs) {
      // Evaluation reads other weights than those that its recipe names.
      let measured = run.measures.flatMap { one in one.recipe.inputs.filter { $0 != one.recipe.model.weights } }
      for input in run.recipe.inputs + measured {
        let path = WeightFile.file(of: input)
        guard !FileManager.default.fileExists(atPath: path) else { continue }
        throw FileError(.missing, path, "no such file, which the run '\(run.name)' reads")
      }
    }
  }

  // MARK: - Running

  /// Makes runs, at most so many at the same time.
  ///
  /// - Returns: those that failed.
  private func make(_ runs: [SweepRun], atOnce limit: Int? = nil) throws -> [SweepEnd.Failure] {
    let runs = chosen(runs)
    var waiting: [SweepRun] = []
    for run in runs {
      if case .finished = try run.state() { continue }
      waiting.append(run)
    }
    let (total, before) = (runs.count, runs.count - waiting.count)
    if before > 0 { say("\(before) of \(total) runs are finished already.") }
    let atOnce = max(1, min(limit ?? plan.file.atOnce, Parallel.processors))
    let workers = max(1, Parallel.processors / atOnce)
    let progress = Progress("runs", total: total, start: before)
    var (jobs, failures, done): ([SweepJob], [SweepEnd.Failure], Int) = ([], [], before)
    // Whatever ends this function, no program goes on without it.
    defer {
      for job in jobs { job.interrupt() }
      for job in jobs { job.wait() }
      progress.clear()
    }
    func tell(_ text: String) {
      progress.clear()
      say(text)
    }
    var isStopping = false
    while !jobs.isEmpty || (!waiting.isEmpty && !isStopping) {
      if !isStopping, isInterrupted() {
        isStopping = true
        for job in jobs { job.interrupt() }
      }
      while !isStopping, jobs.count < atOnce, let next = waiting.firstIndex(where: { !SweepJob.isOccupied($0) }) {
        let run = waiting.remove(at: next)
        let isOther = if case .other = try run.state() { true } else { false }
        let stated = min(run.recipe.run.workers ?? workers, workers)
        jobs.append(try SweepJob(run, program: program, workers: stated, isReplaced: isOther))
      }
      for job in jobs {
        guard let end = try job.advance(stops: isStopping) else { continue }
        jobs.removeAll { $0 === job }
        switch end {
        case .finished:
          done += 1
          tell("\(done)/\(total)  \(job.run.name): \(try job.run.summary)")
        case .failed(let message):
          done += 1
          failures.append(.init(name: job.run.name, message: message))
          tell("\(done)/\(total)  \(job.run.name) failed: \(message)")
        case .interrupted: isStopping = true
        case .occupied: waiting.append(job.run)
        }
      }
      if done > before { progress.update(done, detail: jobs.map(\.run.name).joined(separator: ", ")) }
      usleep(50_000)
    }
    if isStopping { throw SweepEnd.interrupted(finished: done - failures.count, of: total) }
    return failures
  }
}

/// The reason why a sweep did not make all of its runs.
public enum SweepEnd: Error, CustomStringConvertible {
  /// A run that failed.
  public struct Failure: Sendable {
    /// The run's name, and what was wrong.
    public let name, message: String
  }

  /// A signal was received; the runs have saved their state.
  case interrupted(finished: Int, of: Int)
  /// Some runs failed; all others are finished.
  case failed([Failure])

  public var description: String {
    switch self {
    case .interrupted(let finished, let total):
      "interrupted with \(finished) of \(total) runs finished; the same command goes on"
    case .failed(let failures):
      "\(failures.count == 1 ? "1 run" : "\(failures.count) runs") failed; the same command tries again\n"
        + failures.map { "  \($0.name): \($0.message)" }.joined(separator: "\n")
    }
  }
}

extension SweepRun {
  /// The length of the run, for the user.
  var length: String { recipe.run.epochs.map { "\($0) epochs" } ?? "\(recipe.run.steps) steps" }

  /// The accuracy of a finished run, for the user.
  var summary: String {
    get throws {
      let accuracy = try SweepValues(self)?[MeasureReference("accuracy")]
      return accuracy.map { "accuracy \(percent($0))" } ?? "finished"
    }
  }
}
