import Formats
import Saliency
import Tensors

/// The maps of several images in one file: `map.<method>.<layer>.<class>` and `logits`, [H, W] and [classes] of one image,
/// with the images in front of several. After virtual updates at several rates, names begin with `meta<rate>` instead.
struct RawMaps {
  private let explanation: Explanation
  private let model: Model
  private var tensors: [(name: String, values: [Tensor])] = []
  private var files: [String] = []

  init(_ explanation: Explanation, _ model: Model) { (self.explanation, self.model) = (explanation, model) }

  /// Adds an image's.
  ///
  /// - Throws: a ``FileError`` if its maps are not of the first image's size.
  mutating func add(_ result: Explanation.Result, _ file: String) throws {
    var next: [(name: String, value: Tensor)] = []
    for (update, change) in explanation.updates.enumerated() {
      let prefix = explanation.updates.count == 1 ? "map" : change.map { "meta\($0.rate)" } ?? "map"
      for method in explanation.methods {
        for layer in explanation.columns {
          for target in explanation.targets {
            let setting = Explanation.Setting(update: update, target: target, method: method, layer: layer)
            guard let map = result.maps[setting], let class_ = result.classes[target] else { continue }
            next.append(("\(prefix).\(method).\(layer).\(target.name ?? model.className(class_))", map))
          }
        }
      }
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

  /// Writes safetensors, or HDF5 where the path ends in `.h5` or `.hdf5`.
  func write(to path: String) throws {
    let entries = tensors.map { name, values in
      let stacked = values.map { $0.reshaped([1] + $0.shape) }
      return (name: name, value: values.count == 1 ? values[0] : Tensor.concatenated(stacked, axis: 0))
    }
    let metadata = ["images": files.joined(separator: "\n"), "architecture": model.network.architecture.name]
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
