import Components
import Formats
import Foundation
import Tensors

/// What a start of a run was made by: the program, the machine and the command line. It is noted in the run's folder, so
/// that a result can be traced later.
struct RunEnvironment {
  private let values: [String: Any]

  /// Describes this process.
  ///
  /// - Parameters:
  ///   - setup: the run.
  ///   - step: the step from which it starts.
  init(_ setup: Setup, _ step: Int) {
    let process = ProcessInfo.processInfo
    values = [
      Ownership.key: Ownership.name, "version": Release.version, "step": step,
      "began": Date().formatted(.iso8601), "command": CommandLine.arguments,
      "folder": FileManager.default.currentDirectoryPath, "host": process.hostName,
      "system": process.operatingSystemVersionString, "processors": process.activeProcessorCount,
      "memory": process.physicalMemory, "workers": setup.workers, "processes": setup.communicator.size,
      "blas": Parallel.blas,
    ]
  }

  /// The description as a line of JSON.
  func line() throws -> Data {
    try JSONSerialization.data(withJSONObject: values, options: [.sortedKeys, .withoutEscapingSlashes]) + [0x0a]
  }
}
