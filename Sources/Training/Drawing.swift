import Formats
import Foundation
import Saliency
import Tensors

extension RGBImage {
  /// The image enlarged by an integer factor: each pixel becomes a square of `factor` × `factor` pixels.
  func enlarged(_ factor: Int) -> RGBImage {
    var result = RGBImage.filled(width: width * factor, height: height * factor, 0)
    for y in 0..<result.height {
      for x in 0..<result.width {
        for c in 0..<3 {
          result.pixels[(y * result.width + x) * 3 + c] = pixels[(y / factor * width + x / factor) * 3 + c]
        }
      }
    }
    return result
  }

  static func filled(width: Int, height: Int, _ value: UInt8) -> RGBImage {
    RGBImage(width: width, height: height, pixels: [UInt8](repeating: value, count: width * height * 3))
  }

  /// Overlays the gray image with a map [1, h, w] in colors. The map is resized bilinearly and scaled from its smallest
  /// to its largest value. A constant or non-finite map has no colors; the image is then labelled with its state.
  func overlaid(with map: Tensor) -> RGBImage {
    let state = map.mapState
    var result = self
    guard state == .defined else {
      for i in 0..<(width * height) {
        for c in 0..<3 { result.pixels[i * 3 + c] = UInt8((255 - 100 * (1 - gray(i))).rounded()) }
      }
      let (text, scale) = (state == .constant ? "constant" : "not finite", 2)
      let fits = text.count * (Lettering.width + 1) * scale < width
      result.letter(text, x: 3, y: 3, scale: fits ? scale : 1)
      return result
    }
    let values = map.detached().reshaped(map.shape + [1]).resized(height: height, width: width).doubles
    let (low, high) = (values.min() ?? 0, values.max() ?? 0)
    // Computed with halves, since the difference of two large numbers may overflow.
    let span = high / 2 - low / 2
    for i in 0..<(width * height) {
      let color = ColorMap.color(at: span > 0 ? (values[i] / 2 - low / 2) / span : 0)
      for c in 0..<3 {
        let blend = 0.6 * color[c] + 0.4 * gray(i)
        result.pixels[i * 3 + c] = UInt8((blend * 255).rounded())
      }
    }
    return result
  }

  /// The luma of a pixel, in [0, 1].
  private func gray(_ i: Int) -> Double {
    (0.299 * Double(pixels[i * 3]) + 0.587 * Double(pixels[i * 3 + 1]) + 0.114 * Double(pixels[i * 3 + 2])) / 255
  }

  /// Reduces the image by averaging blocks of pixels so that its longer side has `side` pixels; a smaller image is not
  /// changed.
  func reduced(to side: Int) -> RGBImage {
    let longer = max(width, height)
    guard longer > side else { return self }
    let (height, width) = (max(1, self.height * side / longer), max(1, self.width * side / longer))
    let values = Tensor(pixels.map { Float($0) }, shape: [1, self.height, self.width, 3])
      .adaptivelyAveragePooled(height: height, width: width)
    return RGBImage(width: width, height: height, pixels: values.floats.map { UInt8($0.rounded()) })
  }

  /// Adds a color bar at the right of the image, labelled with the values at its ends.
  func withColorBar(from low: Double, to high: Double) -> RGBImage {
    let (gap, thickness) = (6, 10)
    let texts = [high, low].map { String(format: "%.3g", $0) }
    let letters = (texts.map(\.count).max() ?? 0) * (Lettering.width + 1) * 2
    var result = RGBImage.filled(width: width + 3 * gap + thickness + letters, height: height, 255)
    result.paste(self, x: 0, y: 0)
    for y in 0..<height {
      let color = ColorMap.color(at: 1 - Double(y) / Double(max(1, height - 1)))
      for x in (width + gap)..<(width + gap + thickness) {
        for c in 0..<3 { result.pixels[(y * result.width + x) * 3 + c] = UInt8((color[c] * 255).rounded()) }
      }
    }
    for (text, y) in zip(texts, [0, height - Lettering.height * 2]) {
      result.letter(text, x: width + 2 * gap + thickness, y: y)
    }
    return result
  }

  /// Adds a white strip with a text below the image.
  func captioned(_ text: String) -> RGBImage {
    let strip = RGBImage.filled(width: width, height: Lettering.height * 2 + 6, 255)
    var result = RGBImage(width: width, height: height + strip.height, pixels: pixels + strip.pixels)
    result.letter(text, x: 0, y: height + 3)
    return result
  }

  private mutating func paste(_ other: RGBImage, x: Int, y: Int) {
    for row in 0..<other.height {
      let (from, to) = (row * other.width * 3, ((y + row) * width + x) * 3)
      pixels.replaceSubrange(to..<(to + other.width * 3), with: other.pixels[from..<(from + other.width * 3)])
    }
  }

  /// Draws a text in dark letters, with dots of `scale` × `scale` pixels; parts outside of the image are cut off.
  private mutating func letter(_ text: String, x: Int, y: Int, scale: Int = 2) {
    for dot in Lettering.dots(text) {
      for i in 0..<(scale * scale) {
        let (px, py) = (x + dot.x * scale + i % scale, y + dot.y * scale + i / scale)
        guard (0..<width).contains(px), (0..<height).contains(py) else { continue }
        for c in 0..<3 { pixels[(py * width + px) * 3 + c] = 40 }
      }
    }
  }

  /// Arranges images of one size in rows and columns, with a title above each column and a label beside each row.
  static func sheet(columns: [String], rows: [(label: [String], images: [RGBImage])]) -> RGBImage {
    guard let first = rows.first?.images.first else { return filled(width: 1, height: 1, 255) }
    let (gap, dot) = (8, 2)
    let letterWidth = (Lettering.width + 1) * dot
    // A text that is too long is shortened in its middle, because names often differ at their ends.
    func fitted(_ text: String, _ most: Int) -> String {
      let half = max(1, (most - 1) / 2)
      return text.count <= most ? text : text.prefix(half) + "-" + text.suffix(half)
    }
    let labels = rows.map { $0.label.map { fitted($0, 60) } }
    let labelWidth = (labels.flatMap(\.self).map(\.count).max() ?? 0) * letterWidth + gap
    let titles = columns.map { $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    let lines = titles.map(\.count).max() ?? 1
    let header = (lines * (Lettering.height + 2) - 2) * dot + 2 * gap
    let fitting = (first.width + gap) / letterWidth - 1
    var sheet = filled(
      width: labelWidth + columns.count * (first.width + gap) + gap, height: header + rows.count * (first.height + gap),
      255)
    for (column, title) in titles.enumerated() {
      for (line, text) in title.enumerated() {
        sheet.letter(
          fitted(text, fitting), x: gap + labelWidth + column * (first.width + gap),
          y: gap + line * (Lettering.height + 2) * dot)
      }
    }
    for (row, (label, images)) in zip(labels, rows.map(\.images)).enumerated() {
      let y = header + row * (first.height + gap)
      for (line, text) in label.enumerated() { sheet.letter(text, x: gap, y: y + line * (Lettering.height + 2) * dot) }
      for (column, image) in images.enumerated() {
        sheet.paste(image, x: gap + labelWidth + column * (first.width + gap), y: y)
      }
    }
    return sheet
  }
}
