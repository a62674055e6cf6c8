import Components
import Foundation
import Tensors

/// Reading and writing of weight files of all supported formats; the format is detected from the content.
public enum WeightFile {
  /// The formats that can be read.
  public enum Kind: String, Sendable {
    /// Hugging Face's safetensors, PyTorch's two formats, and HDF5.
    case safetensors, pyTorchZip = "PyTorch (zip)", pyTorchStream = "PyTorch (pickle stream)", hdf5 = "HDF5"
    /// A graph of operations with its weights.
    case onnx = "ONNX"
  }

  /// The formats that can be written.
  public enum Format: String, Sendable, CaseIterable {
    /// Safetensors, HDF5, PyTorch's state dicts and ONNX graphs; `init(path:)` chooses by file extension.
    case safetensors, hdf5, pytorch, onnx

    /// The format that a file's extension names; nil if it names none.
    public init?(path: String) {
      switch Paths.ending(of: path) {
      case "safetensors": self = .safetensors
      case "h5", "hdf5": self = .hdf5
      case "pth", "pt": self = .pytorch
      case "onnx": self = .onnx
      default: return nil
      }
    }
  }

  static let hdf5Magic = Data([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])
  /// The group that contains the weights in metasal's checkpoints, next to the optimizer's state.
  public static let weightGroup = "model/"

  /// Detects the format of a file from its first bytes.
  ///
  /// - Throws: a ``FileError`` if the format is not supported.
  public static func kind(of path: String) throws -> Kind {
    let path = file(of: path)
    let data = try Files.head(path, count: 64)
    if data.starts(with: PyTorchFile.zipMagic) { return .pyTorchZip }
    if PyTorchFile.startOfStream(data) != nil { return .pyTorchStream }
    if data.starts(with: hdf5Magic) { return .hdf5 }
    if data.count > 8, data[data.startIndex + 8] == UInt8(ascii: "{") { return .safetensors }
    // ONNX has no magic number, but begins with the fields of its version and of its producer.
    if data.starts(with: [0x08]), data.count > 2, data[data.startIndex + 2] == 0x12 || path.hasSuffix(".onnx") {
      return .onnx
    }
    if data.dropFirst(257).starts(with: Data("ustar".utf8)) {
      throw FileError(.malformed, path, "a tar archive, as PyTorch wrote before 0.1.10; save it again with a later one")
    }
    throw FileError(
      .malformed, path, "no weights that can be read; expected safetensors, a PyTorch .pth/.pt/.th file, HDF5, or ONNX")
  }

  /// Opens a weight file. `checkpoint.pth::model.ema` means the tensors below `model.ema` in `checkpoint.pth`.
  ///
  /// - Throws: a ``FileError`` if there are no tensors, or the file cannot be read.
  public static func open(_ path: String) throws -> StoredWeights {
    let (file, entry) = parts(of: path)
    let weights =
      switch try kind(of: file) {
      case .safetensors: try Safetensors.open(file)
      case .pyTorchZip, .pyTorchStream: try PyTorchFile.open(file)
      case .onnx: try ONNXModel.openWeights(file)
      case .hdf5: try openHDF5(file, entry)
      }
    return try entry.map { try weights.below($0) } ?? weights
  }

  /// Opens an HDF5 file. For metasal's checkpoints the result is the network's weights unless another entry is
  /// requested.
  private static func openHDF5(_ file: String, _ entry: String?) throws -> StoredWeights {
    let contents = try HDF5File.read(file)
    let weights = entry == nil ? contents.tensors(below: weightGroup) : NamedTensors()
    return try StoredWeights(file, weights.entries.isEmpty ? contents.tensors(below: "") : weights)
  }

  /// The path of the file without the entry that may follow it after `::`.
  public static func file(of path: String) -> String { parts(of: path).file }

  /// Splits a path into the file and the entry after `::`, if there is one.
  private static func parts(of path: String) -> (file: String, entry: String?) {
    guard !FileManager.default.fileExists(atPath: path), let colons = path.range(of: "::", options: .backwards),
      colons.upperBound < path.endIndex
    else { return (path, nil) }
    return (String(path[..<colons.lowerBound]), String(path[colons.upperBound...]))
  }

  /// Reads a file with the weights of one network, in PyTorch's shapes and layout, without wrapper prefixes in the
  /// names; see ``StoredWeights/onlyDictionary()``.
  public static func read(_ path: String) throws -> NamedTensors { try open(path).onlyDictionary() }

  /// Writes tensors that have PyTorch's names, shapes and layout.
  ///
  /// - Parameters:
  ///   - weights: the tensors, by PyTorch's names.
  ///   - format: any but ONNX, which needs a network.
  ///   - precision: the precision in which all numbers are stored; nil for each tensor's own.
  ///   - path: the file to be written.
  /// - Throws: a ``FileError`` if the file cannot be written, or the format does not support the precision.
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
