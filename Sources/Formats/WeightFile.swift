import Foundation
import Tensors

/// Weight files of any kind that metasal reads, told apart by their content.
public enum WeightFile {
  /// The kinds there are.
  public enum Kind: String, Sendable {
    case safetensors, pyTorchZip = "PyTorch (zip)", pyTorchStream = "PyTorch (pickle stream)", hdf5 = "HDF5"
  }

  private static let hdf5Magic = Data([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])
  /// Our checkpoints keep weights here, beside the optimizer's state and the like.
  public static let weightGroup = "model/"

  /// The kind of a file.
  ///
  /// - Throws: a ``FileError`` if it is none of them.
  public static func kind(of path: String) throws -> Kind {
    let data = try Files.read(path)
    if data.starts(with: PyTorchFile.zipMagic) { return .pyTorchZip }
    if data.starts(with: PyTorchFile.streamMagic) { return .pyTorchStream }
    if data.starts(with: hdf5Magic) { return .hdf5 }
    if data.count > 8, data[data.startIndex + 8] == UInt8(ascii: "{") { return .safetensors }
    throw FileError(
      .malformed, path, "no weights that can be read; expected safetensors, a PyTorch .pth/.pt/.th file, or HDF5")
  }

  /// The tensors in PyTorch's names, shapes and layout; a `module.` before all names and batch counters are left out.
  public static func read(_ path: String) throws -> NamedTensors {
    switch try kind(of: path) {
    case .safetensors: return try Safetensors.read(path).withPlainNames
    case .pyTorchZip, .pyTorchStream: return try PyTorchFile.read(path)
    case .hdf5:
      let contents = try HDF5File.read(path)
      let weights = contents.tensors(below: weightGroup)
      return (weights.entries.isEmpty ? contents.tensors(below: "") : weights).withPlainNames
    }
  }
}
