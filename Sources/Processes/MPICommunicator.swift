#if MPI
  import CMPI
  import Foundation
  import Learning
  import Tensors

  /// The processes of an MPI run (MPI 3.1; tested with Open MPI), `MPI_COMM_WORLD`.
  ///
  /// Calls may come from any thread, one at a time, in the same order in every process. MPI ends all processes if one of
  /// them ends without ``finish()``.
  public final class MPICommunicator: Communicator {
    public let rank: Int
    public let size: Int
    public let processors: Int

    /// Starts MPI. A process does this once.
    public init() throws {
      try Self.check(metasal_mpi_start(), "MPI cannot be started")
      var (rank, size, neighbours) = (Int32(0), Int32(1), Int32(1))
      try Self.check(metasal_mpi_place(&rank, &size), "MPI does not know this process")
      try Self.check(metasal_mpi_neighbours(&neighbours), "MPI does not know this machine's processes")
      (self.rank, self.size) = (Int(rank), Int(size))
      // A launcher that binds processes has given each its own processors.
      let all = sysconf(Int32(_SC_NPROCESSORS_ONLN))
      processors = Parallel.processors < all ? Parallel.processors : max(1, all / Int(neighbours))
    }

    public func finish() throws { try Self.check(metasal_mpi_finish(), "MPI cannot be ended") }

    public func abort(code: Int32) { metasal_mpi_abort(code) }

    /// Sums along a binary tree over the ranks. Halves of the tensors are exchanged with processes at a distance of 1, 2,
    /// 4, …, so that each process adds a part of the elements, and then all parts with all processes (Rabenseifner
    /// 2004); every process sends and receives about twice the tensors' bytes. If the number of processes is not a power
    /// of two, the last ones first give their summands to the first ones.
    public func allReduce(_ tensors: [Tensor]) throws -> [Tensor] {
      var results = tensors
      for type in ScalarType.allCases {
        let chosen = tensors.indices.filter { tensors[$0].scalarType == type }
        guard !chosen.isEmpty else { continue }
        func summed<Element: FloatingPoint & Sendable>(_: Element.Type) throws {
          var elements = [Element](repeating: 0, count: chosen.reduce(0) { $0 + tensors[$1].count })
          var start = 0
          try elements.withUnsafeMutableBufferPointer { buffer in
            for index in chosen {
              let count = tensors[index].count
              tensors[index].withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(
                  rebasing: UnsafeMutableRawBufferPointer(buffer)[start * type.size..<(start + count) * type.size]
                )
                .copyMemory(from: bytes)
              }
              start += count
            }
            try sum(buffer)
            start = 0
            for index in chosen {
              let range = start * type.size..<(start + tensors[index].count) * type.size
              results[index] = .filling(tensors[index].shape, type) {
                $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[range]))
              }
              start += tensors[index].count
            }
          }
        }
        try type == .float32 ? summed(Float.self) : summed(Double.self)
      }
      return results
    }

    public func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
      var counts = [Int32](repeating: 0, count: size)
      let own = try Self.count(bytes.count)
      try Self.check(metasal_mpi_gather_counts(own, &counts), "sizes cannot be gathered")
      let starts = counts.indices.map { counts.prefix($0).reduce(0) { $0 + Int($1) } }
      let total = counts.reduce(0) { $0 + Int($1) }
      var all = [UInt8](repeating: 0, count: total)
      _ = try Self.count(total)
      try Self.check(
        metasal_mpi_gather(bytes, own, &all, counts, starts.map { Int32($0) }), "bytes cannot be gathered")
      return zip(starts, counts).map { Array(all[$0..<($0 + Int($1))]) }
    }

    // MARK: - The sum of one buffer

    private func sum<Element: FloatingPoint>(_ buffer: UnsafeMutableBufferPointer<Element>) throws {
      var group = 1
      while group * 2 <= size { group *= 2 }
      let spare = UnsafeMutableBufferPointer<Element>.allocate(capacity: buffer.count)
      defer { spare.deallocate() }
      // Ranks beyond the power of two.
      if rank >= group {
        try send(buffer, 0..<buffer.count, to: rank - group)
        return try receive(buffer, 0..<buffer.count, from: rank - group)
      }
      if rank + group < size {
        try receive(spare, 0..<buffer.count, from: rank + group)
        for i in buffer.indices { buffer[i] += spare[i] }
      }
      var (own, halves) = (0..<buffer.count, [(own: Range<Int>, other: Range<Int>)]())
      var distance = 1
      while distance < group {
        let middle = (own.lowerBound + own.upperBound) / 2
        let (low, high) = (own.lowerBound..<middle, middle..<own.upperBound)
        let isLow = rank & distance == 0
        let (kept, given) = isLow ? (low, high) : (high, low)
        try exchange(buffer, given, spare, kept, with: rank ^ distance)
        for i in kept { buffer[i] = isLow ? buffer[i] + spare[i] : spare[i] + buffer[i] }
        halves.append((kept, given))
        own = kept
        distance *= 2
      }
      for (own, other) in halves.reversed() {
        distance /= 2
        try exchange(buffer, own, buffer, other, with: rank ^ distance)
      }
      if rank + group < size { try send(buffer, 0..<buffer.count, to: rank + group) }
    }

    private func send<Element>(_ buffer: UnsafeMutableBufferPointer<Element>, _ range: Range<Int>, to rank: Int) throws
    {
      let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[Self.bytes(range, Element.self)])
      try Self.check(
        metasal_mpi_send(bytes.baseAddress, Self.count(bytes.count), Int32(rank)), "process \(rank) cannot be reached")
    }

    private func receive<Element>(
      _ buffer: UnsafeMutableBufferPointer<Element>, _ range: Range<Int>, from rank: Int
    ) throws {
      let bytes = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[Self.bytes(range, Element.self)])
      try Self.check(
        metasal_mpi_receive(bytes.baseAddress, Self.count(bytes.count), Int32(rank)),
        "process \(rank) cannot be reached")
    }

    private func exchange<Element>(
      _ source: UnsafeMutableBufferPointer<Element>, _ sent: Range<Int>,
      _ target: UnsafeMutableBufferPointer<Element>, _ received: Range<Int>, with rank: Int
    ) throws {
      let from = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(source)[Self.bytes(sent, Element.self)])
      let to = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(target)[Self.bytes(received, Element.self)])
      try Self.check(
        metasal_mpi_exchange(
          from.baseAddress, Self.count(from.count), to.baseAddress, Self.count(to.count), Int32(rank)),
        "process \(rank) cannot be reached")
    }

    private static func bytes<Element>(_ range: Range<Int>, _: Element.Type) -> Range<Int> {
      let size = MemoryLayout<Element>.stride
      return (range.lowerBound * size)..<(range.upperBound * size)
    }

    /// A number of bytes as MPI counts them.
    private static func count(_ bytes: Int) throws -> Int32 {
      guard let count = Int32(exactly: bytes) else {
        throw ProcessesError("\(bytes) bytes in one message, where MPI allows \(Int32.max)")
      }
      return count
    }

    private static func check(_ code: Int32, _ message: String) throws {
      guard code == 0 else { throw ProcessesError("\(message): MPI error \(code)") }
    }
  }
#endif
