import Formats
import Learning
import Saliency
import Tensors

/// An image's maps as pictures: an overlay for each, and a sheet of all, methods by layers.
struct ExplanationPictures {
  let explanation: Explanation
  let model: Model
  /// The images' files, which no picture may replace.
  let inputs: Set<FileIdentity>

  /// Side of the pictures in a sheet, about, in pixels.
  private static let side = 160

  /// - Throws: a ``FileError`` if a sheet of one of these names would replace an image, or what metasal did not write.
  func requireRoom(for names: [String], in folder: String) throws {
    for name in names { _ = try place([name], folder) }
  }

  /// Where a picture goes that is named by these parts.
  private func place(_ parts: [String], _ folder: String) throws -> String {
    let path = "\(folder)/\(parts.joined(separator: "-").asFileName).png"
    try Ownership.requireReplaceable(path, inputs: inputs)
    return path
  }

  /// Writes `<name>.png`, the sheet, and `<name>-<class>-<method>-<layer>.png` for each map, into a folder.
  func write(_ result: Explanation.Result, of picture: Picture, named name: String, into folder: String) throws {
    let shown = picture.reduced(to: 4 * Self.side).enlarged(max(1, Self.side / max(picture.width, picture.height)))
    for (setting, map) in result.maps {
      let plain = shown.overlaid(with: map.reshaped([1] + map.shape))
      let overlay = map.range.map { plain.withColorBar(from: $0.low, to: $0.high) } ?? plain
      let parts =
        [name, title(setting.target, result)] + updateTitle(setting.update) + [
          "\(setting.method)", setting.layer,
        ]
      try overlay.writePNG(to: place(parts, folder))
    }
    try sheet(result, picture).writePNG(to: place([name], folder))
  }

  /// A row for each method (and virtual update), a column for each class and layer; the image in front.
  func sheet(_ result: Explanation.Result, _ picture: Picture) -> Picture {
    let shown = picture.reduced(to: Self.side).enlarged(max(1, Self.side / max(picture.width, picture.height)))
    let cells = explanation.targets.flatMap { target in explanation.columns.map { (target, $0) } }
    let columns = ["image"] + cells.map { target, layer in "\(title(target, result))\n\(layer)" }
    let rows = explanation.methods.flatMap { method in
      explanation.updates.indices.map { update in
        let maps = cells.compactMap { target, layer in
          result.maps[.init(update: update, target: target, method: method, layer: layer)]
        }
        return (
          label: ["\(method)"] + updateTitle(update),
          pictures: [shown] + maps.map { shown.overlaid(with: $0.reshaped([1] + $0.shape)) }
        )
      }
    }
    return .sheet(columns: columns, rows: rows)
  }

  private func title(_ target: Explanation.Target, _ result: Explanation.Result) -> String {
    let name = result.classes[target].map { model.className($0) } ?? ""
    return target.name.map { "\($0) \(name)" } ?? name
  }

  private func updateTitle(_ index: Int) -> [String] {
    guard let update = explanation.updates[index] else { return explanation.updates.count > 1 ? ["plain"] : [] }
    return ["\(update.direction == .towards ? "virtual" : "away") \(update.rate)"]
  }
}

extension Explanation.Target {
  /// `top`, `second` or `bottom`; nil for a class that was named.
  public var name: String? {
    switch self {
    case .top: "top"
    case .second: "second"
    case .bottom: "bottom"
    case .index: nil
    }
  }
}

extension String {
  /// Without what separates folders and words.
  fileprivate var asFileName: String { replacing("/", with: ".").replacing(" ", with: "_") }
}
