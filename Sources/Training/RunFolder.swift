import Foundation
import Formats
import Tensors

/// The folder of one run: `recipe.yaml` (resolved), `metrics.jsonl`, `checkpoints/last.h5` and `best.h5`, `pictures/`; and
/// `profile.txt` and `trace.json` of a run that was profiled.
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
  /// The folder of pictures.
  public var pictures: String { path + "/pictures" }
  /// Where the time went.
  public var profile: String { path + "/profile.txt" }
  /// The same event by event.
  public var trace: String { path + "/trace.json" }

  /// Whether a run has left something here.
  public var holdsRun: Bool {
    [recipe, metrics, last].contains { FileManager.default.fileExists(atPath: $0) }
  }

  /// Makes the folder for a new run.
  ///
  /// - Throws: a ``FileError`` if it holds a run already, which is left as it is, or cannot be written to.
  public func create() throws {
    guard !holdsRun else {
      throw FileError(
        .unwritable, path,
        "the folder holds a run already; continue it with --resume, name another with --output, or replace it with --overwrite"
      )
    }
    try Files.makeFolder(path + "/checkpoints")
  }

  /// Removes what an earlier run left.
  public func clear() throws {
    for item in [recipe, metrics, last, best, pictures, profile, trace]
    where FileManager.default.fileExists(atPath: item) {
      do { try FileManager.default.removeItem(atPath: item) } catch {
        throw FileError(.unwritable, item, "cannot be removed")
      }
    }
  }

  /// Writes a profile.
  public func write(_ report: Profile.Report) throws {
    try Files.write(Data((report.text + "\n").utf8), to: profile)
    try Files.write(try report.trace(), to: trace)
  }
}
