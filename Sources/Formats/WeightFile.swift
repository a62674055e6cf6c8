import Foundation
import Tensors

/// Weight files of any kind that metasal reads, told apart by their content.
public enum WeightFile {
  /// The kinds there are.
  public enum Kind: String, Sendable {
    case safetensors, pyTorchZip = "PyTorch (zip)", pyTorchStream = "PyTorch (pickle stream)", hdf5 = "HDF5"
    case onnx = "ONNX"
  }

  /// The formats that are written.
  public enum Format: String, Sendable, CaseIterable {
    case safetensors, hdf5, pytorch, onnx

    /// The format that a file's extension names; nil if it names none.
    public init?(path: String) {
      switch (path as NSString).pathExtension.lowercased() {
      case "safetensors": self = .safetensors
      case "h5", "hdf5": self = .hdf5
      case "pth", "pt": self = .pytorch
      case "onnx": self = .onnx
      default: return nil
      }
    }
  }

  static let hdf5Magic = Data([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])
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
    // ONNX has no magic number, but begins with the fields of its version and of its producer.
    if data.starts(with: [0x08]), data.count > 2, data[data.startIndex + 2] == 0x12 || path.hasSuffix(".onnx") {
      return .onnx
    }
    throw FileError(
      .malformed, path, "no weights that can be read; expected safetensors, a PyTorch .pth/.pt/.th file, HDF5, or ONNX")
  }

  /// The tensors in PyTorch's names, shapes and layout; a `module.` before all names and batch counters are left out.
  public static func read(_ path: String) throws -> NamedTensors {
    switch try kind(of: path) {
    case .safetensors: return try Safetensors.read(path).withPlainNames
    case .pyTorchZip, .pyTorchStream: return try PyTorchFile.read(path)
    case .onnx: return try ONNXModel.readWeights(path).withPlainNames
    case .hdf5:
      let contents = try HDF5File.read(path)
      let weights = contents.tensors(below: weightGroup)
      return (weights.entries.isEmpty ? contents.tensors(below: "") : weights).withPlainNames
    }
  }

  /// Writes tensors that are in PyTorch's names, shapes and layout, for metasal and others to read.
  ///
  /// - Parameters:
  ///   - format: any but ONNX, which needs a network.
  ///   - precision: what all numbers are stored as; nil for what they are.
  /// - Throws: a ``FileError`` if the file cannot be written, or the format does not have the precision.
  public static func write(
    _ weights: NamedTensors, as format: Format, precision: StoredPrecision? = nil, to path: String
  ) throws {
    switch format {
    case .safetensors: try Safetensors.write(weights, as: precision, to: path)
    case .pytorch: try PyTorchFile.write(weights, as: precision, to: path)
    case .hdf5:
      guard precision != .bfloat16 else { throw FileError(.unwritable, path, "HDF5 has no bfloat16") }
      var contents = HDF5Contents()
      contents.attributes = weights.metadata
      for (name, value) in weights.entries {
        switch precision {
        case .float16: contents.add(name, .half(value))
        case .float32: contents.add(name, .tensor(value.converted(to: .float32)))
        case .float64: contents.add(name, .tensor(value.converted(to: .float64)))
        default: contents.add(name, .tensor(value))
        }
      }
      try HDF5File.write(contents, to: path)
    case .onnx: throw FileError(.unwritable, path, "ONNX needs a network, not its weights alone")
    }
  }
}
