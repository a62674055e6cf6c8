import Foundation
import Learning

/// The processes that a launcher such as `mpirun` started together.
public enum Processes {
  /// Joins the processes that were started together with this one.
  ///
  /// - Returns: their communicator; a `SingleProcess` if this process was started alone.
  /// - Throws: a ``ProcessesError`` if there are several processes and MPI does not work, or this program was built without
  ///   it.
  public static func join() throws -> any Communicator {
    #if MPI
      // Without a launcher nothing is started, so that the program also runs where MPI is not set up.
      return launchedSize == nil ? SingleProcess() : try MPICommunicator()
    #else
      guard let size = launchedSize, size > 1 else { return SingleProcess() }
      throw ProcessesError(
        "\(size) processes were started together, but this program was built without MPI; build it with "
          + "`swift build -c release --traits MPI`")
    #endif
  }

  /// The number of processes that the launcher says it started; nil without a launcher.
  private static var launchedSize: Int? {
    let environment = ProcessInfo.processInfo.environment
    // Of Open MPI, of MPICH and Intel MPI, and of Slurm's srun with PMIx.
    for key in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"] {
      if let size = environment[key].flatMap({ Int($0) }) { return size }
    }
    return environment["PMIX_RANK"] == nil ? nil : environment["SLURM_NTASKS"].flatMap { Int($0) }
  }
}

/// An error of the processes that train together.
public struct ProcessesError: Error, CustomStringConvertible {
  public let description: String

  /// An error with a message for the user.
  public init(_ description: String) { self.description = description }
}
