import Formats
import Foundation
import Networks
import Tensors

/// Writes networks and weights in formats for other programs.
public enum Export {
  /// Writes the parameters and running statistics of a checkpoint with PyTorch's names and shapes or, in ONNX, its
  /// network as a graph.
  ///
  /// - Parameters:
  ///   - checkpoint: the path of the checkpoint.
  ///   - format: the output format.
  ///   - precision: the precision in which numbers are stored; nil for their own.
  ///   - side: the side of the images in pixels, used for ONNX and networks that depend on it; nil for the
  ///     architecture's usual size.
  ///   - path: the file to be written.
  /// - Returns: the number of tensors.
  /// - Throws: a `FileError` if the checkpoint cannot be read or the output cannot be written.
  public static func write(
    checkpoint: String, as format: WeightFile.Format, precision: StoredPrecision? = nil, side: Int? = nil,
    to path: String
  ) throws -> Int {
    try Ownership.requireReplaceable([path], inputs: [checkpoint])
    return try write(
      try Checkpoint(contentsOf: checkpoint).network, as: format, precision: precision, side: side, to: path)
  }

  /// Writes the parameters and running statistics of a network with PyTorch's names and shapes or, in ONNX, the network
  /// as a graph. The arguments mean the same as for a checkpoint.
  public static func write(
    _ network: Network, as format: WeightFile.Format, precision: StoredPrecision? = nil, side: Int? = nil,
    to path: String
  ) throws -> Int {
    let metadata = ["architecture": network.architecture.label, "classes": String(network.classes), "format": "pt"]
    guard format == .onnx else {
      let weights = NamedTensors(network.stateDictionary, metadata: metadata)
      try WeightFile.write(weights, as: format, precision: precision, to: path)
      return weights.entries.count
    }
    guard precision == nil || precision == .float32 else {
      throw FileError(.unwritable, path, "ONNX graphs are written in float32")
    }
    let side = side ?? network.architecture.usualSide
    guard side >= network.architecture.smallestSide else {
      throw FileError(
        .unwritable, path,
        "images of \(side)×\(side) are too small for \(network.architecture), which needs \(network.architecture.smallestSide)"
      )
    }
    // The ONNX graph is built from a forward pass with images of this size.
    let wanted = network.activationCount(height: side, width: side) * Double(network.scalarType.size)
    if wanted > 1e8, let available = Memory.available, wanted > Double(available) {
      throw FileError(
        .unwritable, path,
        "images of \(side)×\(side) take about \(Memory.words(wanted)) of memory, where \(Memory.words(Double(available))) are available"
      )
    }
    var model: ONNXModel
    do { model = try ONNXModel(network, height: side, width: side) } catch {
      throw FileError(.unwritable, path, error.description)
    }
    model.metadata = metadata
    try model.write(to: path)
    return network.stateDictionary.count
  }

  /// Converts a weight file to another format, or writes the mean of the weights of several files.
  ///
  /// - Parameters:
  ///   - files: the weight files.
  ///   - architecture: the network that the weights belong to, required for ONNX. If it is nil, each file must contain
  ///     the weights of only one network.
  ///   - format: the output format.
  ///   - precision: the precision in which numbers are stored; nil for their own.
  ///   - side: the side of the images in pixels, used for ONNX and networks that depend on it; nil for the
  ///     architecture's usual size.
  ///   - path: the file to be written.
  /// - Returns: the number of tensors, and messages about which weights in the files were chosen.
  /// - Throws: a `FileError` if a file cannot be read, or names or shapes differ between files.
  public static func convert(
    _ files: [String], architecture: Architecture?, as format: WeightFile.Format, precision: StoredPrecision?,
    side: Int?, to path: String
  ) throws -> (count: Int, notes: [String]) {
    try Ownership.requireReplaceable([path], inputs: files)
    var notes: [String] = []
    let weights = try average(files) { file in
      guard let architecture else { return try WeightFile.read(file) }
      let choice = try WeightChoice(from: file, for: architecture)
      notes += [choice.note].compactMap(\.self)
      return NamedTensors(choice.weights, metadata: choice.metadata)
    }
    guard let architecture else {
      try WeightFile.write(weights, as: format, precision: precision, to: path)
      return (weights.entries.count, notes)
    }
    let network = try ModelSource.network(architecture, weights.entries, of: files[0])
    return (try write(network, as: format, precision: precision, side: side, to: path), notes)
  }

  /// The mean of the tensors of several files, computed in float64; the tensors of a single file are not changed.
  static func average(
    _ files: [String], reading read: (String) throws -> NamedTensors = WeightFile.read
  ) throws -> NamedTensors {
    var mean = try read(files[0])
    guard files.count > 1 else { return mean }
    var sums = mean.entries.map { $0.value.converted(to: .float64) }
    for file in files.dropFirst() {
      let other = try read(file)
      guard Set(other.names) == Set(mean.names) else {
        let names = Set(other.names).symmetricDifference(mean.names).sorted()
        throw FileError(
          .malformed, file, "its tensors are not those of \(files[0]): \(names.prefix(5).joined(separator: ", "))")
      }
      for (index, entry) in mean.entries.enumerated() {
        guard let value = other[entry.name], value.shape == entry.value.shape else {
          throw FileError(
            .malformed, file,
            "'\(entry.name)' is \(other[entry.name]?.shape ?? []), in \(files[0]) \(entry.value.shape)")
        }
        sums[index] = sums[index] + value.converted(to: .float64)
      }
    }
    for (entry, sum) in zip(mean.entries, sums) {
      mean[entry.name] = (sum / Double(files.count)).converted(to: entry.value.scalarType)
    }
    // The metadata of a single run does not apply to a mean of several.
    mean.metadata = mean.metadata.filter { ["architecture", "classes", "format"].contains($0.key) }
    return mean
  }
}
