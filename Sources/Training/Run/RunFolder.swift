import Foundation
import Formats
import Recipes
import Tensors

/// The folder of one run: `recipe.yaml` (resolved), `metrics.jsonl`, `environment.jsonl`, `checkpoints/last.h5` and `best.h5`, the others of the
/// best networks as `checkpoints/best-STEP.h5`, `figures/`; where the recipe asks for them `metrics.csv`, `evaluations.csv` and
/// `tensorboard/`; and `profile.txt` and `trace.json` of a run that was profiled. Other files in it are left alone.
public struct RunFolder: Sendable {
  /// The folder's path.
  public let path: String

  /// The folder at a path, which need not exist.
  public init(_ path: String) { self.path = path }

  /// The resolved recipe.
  public var recipe: String { path + "/recipe.yaml" }
  /// The log of every step and every evaluation.
  public var metrics: String { path + "/metrics.jsonl" }
  /// Every step as CSV.
  public var metricsTable: String { path + "/metrics.csv" }
  /// Every evaluation as CSV.
  public var evaluationsTable: String { path + "/evaluations.csv" }
  /// The folder that TensorBoard reads.
  public var events: String { path + "/tensorboard" }
  /// The event file in it.
  public var eventFile: String { events + "/events.out.tfevents.\(Ownership.name)" }
  /// Where and by what the run was made, a line for each start.
  public var environment: String { path + "/environment.jsonl" }
  /// The last checkpoint, from which a run is resumed.
  public var last: String { path + "/checkpoints/last.h5" }
  /// The checkpoint with the lowest measured loss.
  public var best: String { path + "/checkpoints/best.h5" }
  /// The checkpoint of one of the best networks, if a run keeps several.
  public func best(step: Int) -> String { path + "/checkpoints/best-\(step).h5" }
  /// The folder of figures.
  public var figures: String { path + "/figures" }
  /// The profile as tables.
  public var profile: String { path + "/profile.txt" }
  /// The profile as a trace of all events.
  public var trace: String { path + "/trace.json" }

  /// The lock of the process that trains.
  var lock: String { path + "/.metasal-lock" }

  /// The files of a run. The last checkpoint comes first, so that it is removed first: without it the rest of a run is
  /// not resumed.
  private var files: [String] { [last, best, recipe, environment, profile, trace] + logs }

  /// The paths of the logs, whether they exist or not.
  var logs: [String] { [metrics, metricsTable, evaluationsTable, eventFile] }

  /// The paths of the existing figures.
  var figureFiles: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: figures)) ?? []
    return names.filter { $0.hasSuffix(".png") }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }.map { figures + "/" + $0 }
  }

  /// The paths of the existing checkpoints of single steps.
  private var bestFiles: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints")) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("best-"), name.hasSuffix(".h5"), let step = Int(name.dropFirst(5).dropLast(3)) else {
        return nil
      }
      return best(step: step)
    }.sorted()
  }

  /// The paths of all files that a run reads or writes, whether they exist or not.
  var allFiles: [String] { files + bestFiles + figureFiles }

  /// Whether the folder contains files of a run.
  public var holdsRun: Bool { [recipe, metrics, last, best].contains { FileManager.default.fileExists(atPath: $0) } }

  /// Whether there is a checkpoint from which a run can be resumed.
  var holdsCheckpoint: Bool { FileManager.default.fileExists(atPath: last) }

  /// What a new run does if the folder contains an earlier run.
  public enum Start: Sendable {
    /// It reports an error.
    case new
    /// It resumes from the last checkpoint, or starts anew if there is none.
    case resume
    /// It replaces the earlier run.
    case overwrite
  }

  /// Prepares the folder for a run, and locks it against other runs.
  ///
  /// - Parameters:
  ///   - start: what to do if the folder contains an earlier run.
  ///   - inputs: the files that the run reads.
  ///   - logs: the logs that the run writes; in the place of others there may be files of the user's.
  /// - Returns: the lock, which is held until it is released.
  /// - Throws: a `FileError` if another run uses the folder, if it contains an earlier run and `start` is `new`, if a
  ///   file would be replaced that is an input or that metasal did not write, or if the folder is not writable. The
  ///   folder's files are then unchanged.
  func prepare(_ start: Start, inputs: [String], logs: [Recipe.Run.Log]) throws -> RunLock {
    try Files.makeFolder(path)
    let lock = try RunLock(self.lock)
    // A resumed run may read the recipe in its own folder, even if the user has edited it since.
    let kept = (start == .resume ? [recipe] : []) + unwanted(logs).filter { !Ownership.isOwn($0) }
    try Ownership.requireReplaceable(allFiles.filter { !kept.contains($0) }, inputs: inputs)
    guard start != .new || !holdsRun else {
      throw FileError(
        .unwritable, path,
        "the folder holds a run already; continue it with --resume, name another with --output, or replace it with --overwrite"
      )
    }
    try Files.makeFolder(path + "/checkpoints")
    if start == .overwrite || !holdsCheckpoint { try clear(keeping: kept) }
    return lock
  }

  /// Removes the files of an earlier run.
  private func clear(keeping kept: [String]) throws {
    for file in allFiles where !kept.contains(file) { try Ownership.remove(file) }
    // A folder that is not empty contains files of the user, and rmdir leaves it.
    for folder in [figures, events] { rmdir(folder) }
  }

  /// Removes the files of logs that the recipe of a resumed run no longer asks for, since they would end where an earlier
  /// start did.
  func removeLogs(except logs: [Recipe.Run.Log]) throws {
    for path in unwanted(logs) where Ownership.isOwn(path) {
      try Ownership.remove(path)
      if path == eventFile { rmdir(events) }
    }
  }

  private func unwanted(_ logs: [Recipe.Run.Log]) -> [String] {
    (logs.contains(.csv) ? [] : [metricsTable, evaluationsTable]) + (logs.contains(.tensorboard) ? [] : [eventFile])
  }

  /// Writes the resolved recipe, unless the file already has these contents.
  ///
  /// - Returns: whether the file now contains the recipe. A file that the user has changed is not replaced.
  func write(_ recipe: Recipe) throws -> Bool {
    let text = Data(Ownership.marked(recipe.yaml).utf8)
    if FileManager.default.contents(atPath: self.recipe) == text { return true }
    guard FileIdentity(self.recipe) == nil || Ownership.isOwn(self.recipe) else { return false }
    try Files.write(text, to: self.recipe)
    return true
  }

  /// Notes where and by what the run is made, after what earlier starts have noted.
  func note(_ start: RunEnvironment) throws {
    let earlier = FileManager.default.contents(atPath: environment) ?? Data()
    try Files.write(earlier + start.line(), to: environment)
  }

  /// Writes the tables and the trace of a profile.
  public func write(_ report: Profile.Report) throws {
    try Files.write(Data(Ownership.marked(report.text() + "\n").utf8), to: profile)
    try Files.write(try report.trace(), to: trace)
  }
}
