import Foundation

extension SweepPlan {
  /// A script for Slurm's sbatch by which each chosen run is a task of a job array.
  ///
  /// - Parameters:
  ///   - choice: the runs.
  ///   - program: the path of metasal.
  ///   - folder: the folder in which the tasks run, from which relative paths are meant.
  /// - Returns: the script; nil if no run is chosen.
  public func slurmScript(_ choice: Sweep.Choice, program: String, folder: String) -> String? {
    let indices = runs.filter { choice.includes($0, named: file.points[$0.point].name) }.map(\.index)
    guard let first = indices.first, let last = indices.last else { return nil }
    let isWhole = last - first + 1 == indices.count
    let array = isWhole ? "\(first)-\(last)" : indices.map(String.init).joined(separator: ",")
    let sweep = "\(program.quoted) sweep \(path.quoted)"
    return """
      #!/usr/bin/env bash
      # The \(indices.count) runs of a sweep as a job array. Give it cores and time, and make the tables when all have ended:
      #   job=$(sbatch --parsable --cpus-per-task=8 --time=4:00:00 sweep.sh)
      #   sbatch --dependency=afterany:$job --wrap \("cd \(folder.quoted) && \(sweep) --report".quoted)
      # A task that is submitted again goes on where it was, and one that is finished does nothing.
      #SBATCH --job-name=metasal-sweep
      #SBATCH --array=\(array)%\(file.atOnce)
      #SBATCH --output=slurm-%A_%a.txt
      # A task that reaches its time limit is told five minutes before, and saves its state.
      #SBATCH --signal=B:TERM@300
      set -euo pipefail
      cd \(folder.quoted)
      exec \(sweep) --run "$SLURM_ARRAY_TASK_ID"\(choice.replacesOthers ? " --overwrite" : "")

      """
  }
}

extension String {
  /// The text as one word of a shell, in quotes if it needs them.
  fileprivate var quoted: String {
    let isPlain =
      !isEmpty
      && unicodeScalars.allSatisfy {
        $0.isASCII && ($0.properties.isAlphabetic || "0123456789_./=,+@-".unicodeScalars.contains($0))
      }
    return isPlain ? self : "'" + replacing("'", with: "'\\''") + "'"
  }
}
