import Tensors

/// The processes that train and measure one network together, each on its part of the images. They exchange sums, of gradients and
/// of statistics, and the values that they measured on their images.
///
/// Every process calls the same functions in the same order, with tensors of the same shapes where these are summed.
public protocol Communicator: Sendable {
  /// Which of the processes this is, from 0.
  var rank: Int { get }
  /// How many there are.
  var size: Int { get }

  /// Sums over all processes, element by element, as MPI's `Allreduce` and PyTorch's `all_reduce` make them.
  ///
  /// - Parameter tensors: this process's; not recorded.
  /// - Returns: the sums, the same to the bit in every process.
  /// - Throws: what went wrong on the way.
  func allReduce(_ tensors: [Tensor]) throws -> [Tensor]

  /// Collects bytes of every process, as MPI's `Allgatherv` does. Unless told otherwise it is done by sums, of which each process
  /// fills its own part.
  ///
  /// - Parameter bytes: this process's, of any length.
  /// - Returns: all processes' bytes, by their ranks.
  /// - Throws: what went wrong on the way.
  func allGather(_ bytes: [UInt8]) throws -> [[UInt8]]
}

/// A single process: sums are its own values.
public struct SingleProcess: Communicator {
  public let rank = 0
  public let size = 1

  /// The only process.
  public init() {}

  public func allReduce(_ tensors: [Tensor]) throws -> [Tensor] { tensors }
}

extension Communicator {
  /// Sums of numbers over all processes.
  ///
  /// - Parameter numbers: as many in every process.
  /// - Returns: the sums.
  /// - Throws: what went wrong on the way.
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
