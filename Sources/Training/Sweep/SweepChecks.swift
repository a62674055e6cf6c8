import Formats
import Foundation

extension Sweep {
  /// Checks before the first run starts that all files are there that runs read, and that nothing is replaced that must
  /// be kept.
  ///
  /// - Throws: a `FileError` about the first run for which that is not so.
  func requireReady(_ runs: [SweepRun]) throws {
    for run in runs {
      try run.requireReplaceable()
      if !choice.replacesOthers, case .other(let changes) = try run.state() {
        throw FileError(
          .unwritable, run.folder.path,
          "the folder holds a run of another recipe (\(changes.prefix(3).joined(separator: "; "))); replace such runs with "
            + "--overwrite, or name another output")
      }
      // Evaluation reads other weights than those that its recipe names.
      let measured = run.measures.flatMap { one in one.recipe.inputs.filter { $0 != one.recipe.model.weights } }
      for path in (run.recipe.inputs + measured).map(WeightFile.file) {
        guard !FileManager.default.fileExists(atPath: path) else { continue }
        throw FileError(.missing, path, "no such file, which the run '\(run.name)' reads")
      }
    }
  }
}
