import Formats
import Learning
import Saliency
import Tensors

/// Draws an image's maps: an overlay of each map, and a sheet of all of them with methods as rows and layers as
/// columns.
struct ExplanationFigures {
  let explanation: Explanation
  let names: OutputNames
  /// The input images, which must not be overwritten.
  let inputs: Set<FileIdentity>

  /// The approximate side of an image in a sheet, in pixels.
  private static let side = 160

  /// Checks that figures may be written to a folder.
  ///
  /// - Throws: a `FileError` if one of them would replace an input image, or a file that metasal did not write.
  func requireRoom(for figures: [String], in folder: String) throws {
    for image in figures { _ = try place(image, folder) }
  }

  /// The path of a figure, after checking that it may be written.
  private func place(_ name: String, _ folder: String) throws -> String {
    let path = "\(folder)/\(name)"
    try Ownership.requireReplaceable(path, inputs: inputs)
    return path
  }

  /// Writes an image's sheet and the overlay of each map into a folder. `number` is the index of the image in the files
  /// of ``names``.
  func write(_ result: Explanation.Result, of image: RGBImage, _ number: Int, into folder: String) throws {
    let shown = image.reduced(to: 4 * Self.side).enlarged(max(1, Self.side / max(image.width, image.height)))
    for (setting, map) in result.maps {
      let plain = shown.overlaid(with: map.reshaped([1] + map.shape))
      let overlay = map.range.map { plain.withColorBar(from: $0.low, to: $0.high) } ?? plain
      let name = names.overlay(
        number, names.title(setting.target, result.classes[setting.target]), update: updateTitle(setting.update).first,
        setting)
      try overlay.writePNG(to: place(name, folder))
    }
    try sheet(result, image).writePNG(to: place(names.sheet(number), folder))
  }

  /// Draws a sheet with a row for each method and virtual update, and a column for the image and for each class and
  /// layer.
  func sheet(_ result: Explanation.Result, _ image: RGBImage) -> RGBImage {
    let shown = image.reduced(to: Self.side).enlarged(max(1, Self.side / max(image.width, image.height)))
    let cells = explanation.targets.flatMap { target in explanation.columns.map { (target, $0) } }
    let columns = ["image"] + cells.map { target, layer in "\(names.title(target, result.classes[target]))\n\(layer)" }
    let rows = explanation.methods.flatMap { method in
      explanation.updates.indices.map { update in
        let maps = cells.compactMap { target, layer in
          result.maps[.init(update: update, target: target, method: method, layer: layer)]
        }
        return (
          label: ["\(method)"] + updateTitle(update),
          images: [shown] + maps.map { shown.overlaid(with: $0.reshaped([1] + $0.shape)) }
        )
      }
    }
    return .sheet(columns: columns, rows: rows)
  }

  private func updateTitle(_ index: Int) -> [String] {
    guard let update = explanation.updates[index] else { return explanation.updates.count > 1 ? ["plain"] : [] }
    return ["\(update.direction == .towards ? "virtual" : "away") \(update.rate)"]
  }
}

extension Explanation.Target {
  /// The name `top`, `second` or `bottom`; nil for a class index.
  public var name: String? {
    switch self {
    case .top: "top"
    case .second: "second"
    case .bottom: "bottom"
    case .index: nil
    }
  }

  /// The class index; nil if the class depends on the image.
  public var index: Int? { if case .index(let index) = self { index } else { nil } }
}
