import Foundation
import Saliency
import Tensors

extension MetaStep.Batch {
  /// The images of all processes in the order of their ranks. Every process has all of them, because objectives may compose
  /// images of any images of a batch; each computes only its own.
  ///
  /// - Parameters:
  ///   - own: the images of this process, all of the same size, with their labels and soft targets, [N, H, W, 3] and [N,
  ///     classes].
  ///   - labels: N classes.
  ///   - targets: the soft targets.
  ///   - objects: the objects in each image; nil for none.
  ///   - communicator: the processes.
  ///   - random: draws a number for each image of all processes.
  /// - Returns: the batch, and the range of this process's images in it.
  /// - Throws: what the communicator throws.
  static func gathered(
    _ own: Tensor, labels: [Int], targets: Tensor, objects: [[Object]]?, _ communicator: any Communicator,
    _ random: inout RandomSource
  ) throws -> (batch: Self, own: Range<Int>) {
    func batch(_ images: Tensor, _ labels: [Int], _ targets: Tensor, _ objects: [[Object]]?) -> Self {
      Self(
        images: images, labels: labels, targets: targets, draws: labels.map { _ in random.next() }, objects: objects)
    }
    guard communicator.size > 1 else { return (batch(own, labels, targets, objects), 0..<labels.count) }
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    let part = Part(
      labels: labels, images: own.bytes, targets: targets.bytes,
      objects: objects?.map {
        $0.map { Part.Object(label: $0.label, covers: Data($0.region.covers.map { $0 ? 1 : 0 })) }
      })
    let parts = try communicator.allGather(Array(encoder.encode(part))).map {
      try PropertyListDecoder().decode(Part.self, from: Data($0))
    }
    func joined(_ parts: [(labels: [Int], bytes: Data)], like tensor: Tensor) -> Tensor {
      .concatenated(
        parts.map { .reading($0.bytes, [$0.labels.count] + tensor.shape.dropFirst(), tensor.scalarType) },
        axis: 0)
    }
    let (height, width) = (own.shape[1], own.shape[2])
    let all = batch(
      joined(parts.map { ($0.labels, $0.images) }, like: own), parts.flatMap(\.labels),
      joined(parts.map { ($0.labels, $0.targets) }, like: targets),
      objects == nil
        ? nil
        : parts.flatMap { part in
          (part.objects ?? []).map { objects in
            objects.map {
              Object(label: $0.label, region: Region(width: width, height: height, mask: $0.covers.map { $0 == 1 }))
            }
          }
        })
    let start = parts.prefix(communicator.rank).reduce(0) { $0 + $1.labels.count }
    return (all, start..<(start + labels.count))
  }

  /// The images of one process, as they are sent.
  private struct Part: Codable {
    struct Object: Codable {
      var label: Int
      var covers: Data
    }
    var labels: [Int]
    var images, targets: Data
    var objects: [[Object]]?
  }
}

extension Tensor {
  fileprivate var bytes: Data { withUnsafeBytes { Data($0) } }

  fileprivate static func reading(_ bytes: Data, _ shape: [Int], _ type: ScalarType) -> Tensor {
    precondition(bytes.count == shape.reduce(type.size, *), "Tensor: \(bytes.count) bytes for \(shape)")
    return .filling(shape, type) { $0.copyBytes(from: bytes) }
  }
}
