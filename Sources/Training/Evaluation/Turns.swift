import Foundation
import Learning

extension Communicator {
  /// The indices of those of `count` pieces of work that this process does: the processes take turns in the order of
  /// their ranks.
  func turns(of count: Int) -> [Int] { Array(stride(from: rank, to: count, by: size)) }

  /// Collects the results of pieces of work that the processes did in turn.
  ///
  /// - Parameters:
  ///   - own: the results of this process, of its ``turns(of:)``.
  ///   - count: how many pieces of work there are.
  /// - Returns: all results, in the order of the pieces of work.
  /// - Throws: what the communicator throws.
  func gatherTurns<Piece: Codable>(_ own: [Piece], of count: Int) throws -> [Piece] {
    guard size > 1 else { return own }
    // Property lists can represent infinities and NaN, which JSON cannot.
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    let all = try allGather(Array(encoder.encode(own))).map {
      try PropertyListDecoder().decode([Piece].self, from: Data($0))
    }
    return (0..<count).map { all[$0 % size][$0 / size] }
  }
}
