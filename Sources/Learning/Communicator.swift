import Tensors

/// A group of processes that train and evaluate one network together, each on its shard of every batch. They exchange sums, of
/// gradients and of statistics, and the values that each measured on its images.
///
/// Every process calls the same functions in the same order, with tensors of the same shapes where these are summed.
public protocol Communicator: Sendable {
  /// The number of this process, from 0.
  var rank: Int { get }
  /// The number of processes.
  var size: Int { get }
  /// The number of processors that this process has for its threads: by default all that the system gives it. Where several
  /// processes on a machine share its processors, it is this one's share.
  var processors: Int { get }

  /// Sums tensors over all processes, element by element, like MPI's `Allreduce` and PyTorch's `all_reduce`.
  ///
  /// If the number of processes is a power of two, the summands are added along a binary tree over the ranks: ((0 + 1) +
  /// (2 + 3)) + … Then a run has the same bits as in a single process; `SegmentedSum` says why.
  ///
  /// - Parameter tensors: this process's summands; they are not tracked.
  /// - Returns: the sums, bit for bit the same in every process.
  /// - Throws: an error of the communication.
  func allReduce(_ tensors: [Tensor]) throws -> [Tensor]

  /// Gathers the bytes of every process, like MPI's `Allgatherv`. The default implementation uses sums: each process adds its own
  /// bytes to zeros.
  ///
  /// - Parameter bytes: this process's bytes, of any length.
  /// - Returns: the bytes of all processes, by rank.
  /// - Throws: an error of the communication.
  func allGather(_ bytes: [UInt8]) throws -> [[UInt8]]

  /// Ends the communication after the last call. It does nothing by default.
  func finish() throws

  /// Ends all processes at once with an exit code, like MPI's `Abort`, when this process cannot go on. It does nothing
  /// by default.
  func abort(code: Int32)
}

extension Communicator {
  public var processors: Int { Parallel.processors }
  public func finish() throws {}
  public func abort(code: Int32) {}
}

/// The communicator of a run in a single process.
public struct SingleProcess: Communicator {
  public let rank = 0
  public let size = 1

  /// Creates the communicator.
  public init() {}

  public func allReduce(_ tensors: [Tensor]) throws -> [Tensor] { tensors }
}

extension Communicator {
  /// Sums numbers over all processes.
  ///
  /// - Parameter numbers: this process's summands; every process passes the same count.
  /// - Returns: the sums.
  /// - Throws: an error of the communication.
  public func allReduce(_ numbers: [Double]) throws -> [Double] {
    guard size > 1 else { return numbers }
    return try allReduce([Tensor(numbers)])[0].doubles
  }

  public func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
    guard size > 1 else { return [bytes] }
    var counts = [Double](repeating: 0, count: size)
    counts[rank] = Double(bytes.count)
    counts = try allReduce(counts)
    let width = counts.max().map { Int($0) } ?? 0
    var all = [Double](repeating: 0, count: size * width)
    for (index, byte) in bytes.enumerated() { all[rank * width + index] = Double(byte) }
    all = try allReduce(all)
    return counts.enumerated().map { rank, count in
      all[(rank * width)..<(rank * width + Int(count))].map { UInt8($0) }
    }
  }
}
