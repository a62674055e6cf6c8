import Formats
import Saliency
import Tensors

/// Collects the maps of several images for one file. The tensors are `map.<method>.<layer>.<class>` [H, W] and `logits`
/// [classes]; several images are stacked along a new first axis. With virtual updates at several rates, names begin
/// with `meta<rate>` in place of `map`. Methods have the names that were requested, classes have unique names.
struct RawMaps {
  private let explanation: Explanation
  private let model: Model
  private let names: [Explanation.Setting: String]
  private var tensors: [(name: String, values: [Tensor])] = []
  private var files: [String] = []

  /// An empty collection.
  ///
  /// - Throws: an ``ExplanationError`` if two maps would have the same name.
  init(_ explanation: Explanation, _ model: Model, _ outputs: OutputNames) throws {
    (self.explanation, self.model) = (explanation, model)
    var names: [Explanation.Setting: String] = [:]
    var known: [String: String] = [:]
    for setting in explanation.settings {
      let update = explanation.updates[setting.update]
      let prefix = explanation.updates.count == 1 ? "map" : update.map { "meta\($0.rate)" } ?? "map"
      let class_: String =
        if case .index(let index) = setting.target { outputs.class_(index) } else { setting.target.name ?? "" }
      let name = "\(prefix).\(setting.method).\(setting.layer).\(class_)"
      let how = "\(setting.method) at \(setting.layer) for '\(class_)'"
      // In HDF5 a slash, which names of methods contain, separates groups, so it is replaced.
      if let other = known.updateValue(how, forKey: name.replacing("/", with: "_")) {
        throw ExplanationError("the maps of \(other) and of \(how) would both be called \(name)")
      }
      names[setting] = name
    }
    self.names = names
  }

  /// Adds the maps of an image.
  ///
  /// - Throws: a `FileError` if their sizes differ from those of the first image.
  mutating func add(_ result: Explanation.Result, _ file: String) throws {
    var next: [(name: String, value: Tensor)] = []
    for setting in explanation.settings {
      guard let map = result.maps[setting], let name = names[setting] else { continue }
      next.append((name, map))
    }
    next.append(("logits", result.logits))
    if tensors.isEmpty { tensors = next.map { ($0.name, []) } }
    for (index, (name, value)) in next.enumerated() {
      if let first = tensors[index].values.first, first.shape != value.shape {
        throw FileError(
          .malformed, file,
          "its map \(name) is \(value.shape), where \(files[0]) has \(first.shape); images in one raw file need one size"
        )
      }
      tensors[index].values.append(value.converted(to: .float32))
    }
    files.append(file)
  }

  /// Writes a safetensors file, or an HDF5 file if the path ends in `.h5` or `.hdf5`.
  func write(to path: String) throws {
    let entries = tensors.map { name, values in
      let stacked = values.map { $0.reshaped([1] + $0.shape) }
      return (name: name, value: values.count == 1 ? values[0] : Tensor.concatenated(stacked, axis: 0))
    }
    let metadata = ["images": files.joined(separator: "\n"), "architecture": model.network.architecture.label]
    if path.hasSuffix(".h5") || path.hasSuffix(".hdf5") {
      var contents = HDF5Contents()
      contents.attributes = metadata
      for (name, value) in entries { contents.add(name.replacing("/", with: "_"), .tensor(value)) }
      try HDF5File.write(contents, to: path)
    } else {
      try Safetensors.write(NamedTensors(entries, metadata: metadata), to: path)
    }
  }
}
