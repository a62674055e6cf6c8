import Formats
import Networks

/// A checkpoint's network as a weight file for others.
public enum Export {
  /// The formats there are.
  public enum Format: String, Sendable, CaseIterable { case safetensors, hdf5 }

  /// Writes parameters and running statistics with PyTorch's names and shapes.
  ///
  /// - Returns: how many tensors there are.
  public static func write(checkpoint: String, as format: Format, to path: String) throws -> Int {
    let network = try Checkpoint(contentsOf: checkpoint).network
    let metadata = ["architecture": network.architecture.rawValue, "classes": String(network.classes), "format": "pt"]
    let weights = NamedTensors(network.stateDictionary, metadata: metadata)
    switch format {
    case .safetensors: try Safetensors.write(weights, to: path)
    case .hdf5:
      var contents = HDF5Contents()
      contents.attributes = metadata
      for (name, value) in weights.entries { contents.add(name, .tensor(value)) }
      try HDF5File.write(contents, to: path)
    }
    return weights.entries.count
  }
}
