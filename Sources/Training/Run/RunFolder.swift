import Foundation
import Formats
import Recipes
import Tensors

/// The folder of one run: `recipe.yaml` (resolved), `metrics.jsonl`, `checkpoints/last.h5` and `best.h5`, `figures/`; and
/// `profile.txt` and `trace.json` of a run that was profiled. Other files in it are left alone.
public struct RunFolder: Sendable {
  /// The folder's path.
  public let path: String

  /// The folder at a path, which need not exist.
  public init(_ path: String) { self.path = path }

  /// The resolved recipe.
  public var recipe: String { path + "/recipe.yaml" }
  /// Every step and every evaluation.
  public var metrics: String { path + "/metrics.jsonl" }
  /// The checkpoint to go on from.
  public var last: String { path + "/checkpoints/last.h5" }
  /// The checkpoint where the measured loss was lowest.
  public var best: String { path + "/checkpoints/best.h5" }
  /// The folder of figures.
  public var figures: String { path + "/figures" }
  /// Where the time went.
  public var profile: String { path + "/profile.txt" }
  /// The same event by event.
  public var trace: String { path + "/trace.json" }

  /// What a run goes on from; it comes first, as what is left of a run without it is begun anew.
  private var files: [String] { [last, best, metrics, recipe, profile, trace] }

  /// The figures that are there.
  var figureFiles: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: figures)) ?? []
    return names.filter { $0.hasSuffix(".png") }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }.map { figures + "/" + $0 }
  }

  /// All files that a run reads or writes, whether they are there or not.
  var allFiles: [String] { files + figureFiles }

  /// Whether a run has left something here.
  public var holdsRun: Bool { [recipe, metrics, last, best].contains { FileManager.default.fileExists(atPath: $0) } }

  /// Whether there is a checkpoint to go on from.
  var holdsCheckpoint: Bool { FileManager.default.fileExists(atPath: last) }

  /// How a run treats what an earlier one left in the folder.
  public enum Start: Sendable {
    /// As an error.
    case new
    /// It goes on from the last checkpoint, or begins anew where there is none yet.
    case resume
    /// It takes its place.
    case overwrite
  }

  /// Makes the folder ready for a run, and nobody else's as long as the lock is held.
  ///
  /// - Parameters:
  ///   - start: what becomes of an earlier run in the folder.
  ///   - inputs: files that the run reads.
  /// - Returns: the lock, which holds as long as it lives.
  /// - Throws: a ``FileError`` if another run is at work there; if there is an earlier run, and none is expected; if files
  ///   would
  ///   be replaced that are inputs, or that metasal did not write; or if the folder cannot be written to. All is then left as
  ///   it was.
  func prepare(_ start: Start, inputs: [String]) throws -> RunLock {
    try Files.makeFolder(path)
    let lock = try RunLock(path + "/.metasal-lock")
    // A run may go on with its own recipe, also where somebody has changed it: what it says now, it says of that run.
    let kept = start == .resume ? [recipe] : []
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

  /// Removes what an earlier run left.
  private func clear(keeping kept: [String]) throws {
    for file in allFiles where !kept.contains(file) { try Ownership.remove(file) }
    // What is not empty holds something of somebody else's.
    rmdir(figures)
  }

  /// Writes the resolved recipe, unless it is there.
  ///
  /// - Returns: whether it stands there now. One that somebody has changed is left as it is.
  func write(_ recipe: Recipe) throws -> Bool {
    let text = Data(Ownership.marked(recipe.yaml).utf8)
    if FileManager.default.contents(atPath: self.recipe) == text { return true }
    guard FileIdentity(self.recipe) == nil || Ownership.isOwn(self.recipe) else { return false }
    try Files.write(text, to: self.recipe)
    return true
  }

  /// Writes a profile.
  public func write(_ report: Profile.Report) throws {
    try Files.write(Data(Ownership.marked(report.text + "\n").utf8), to: profile)
    try Files.write(try report.trace(), to: trace)
  }
}
