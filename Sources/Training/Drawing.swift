import Formats
import Tensors

extension Picture {
  /// Each pixel as a square of `factor` pixels.
  func enlarged(_ factor: Int) -> Picture {
    var result = Picture.filled(width: width * factor, height: height * factor, 0)
    for y in 0..<result.height {
      for x in 0..<result.width {
        for c in 0..<3 {
          result.pixels[(y * result.width + x) * 3 + c] = pixels[(y / factor * width + x / factor) * 3 + c]
        }
      }
    }
    return result
  }

  static func filled(width: Int, height: Int, _ value: UInt8) -> Picture {
    Picture(width: width, height: height, pixels: [UInt8](repeating: value, count: width * height * 3))
  }

  /// The picture in grey beneath a map [1, h, w] in colours, the map resized bilinearly and scaled from its smallest to its
  /// largest value. A constant map is all of the lowest colour.
  func overlaid(with map: Tensor) -> Picture {
    let values = map.detached().reshaped(map.shape + [1]).resized(height: height, width: width).doubles
    let (low, high) = (values.min() ?? 0, values.max() ?? 0)
    let span = high > low ? high - low : 1
    var result = self
    for i in 0..<(width * height) {
      let grey =
        (0.299 * Double(pixels[i * 3]) + 0.587 * Double(pixels[i * 3 + 1]) + 0.114 * Double(pixels[i * 3 + 2])) / 255
      let color = ColorMap.color(at: (values[i] - low) / span)
      for c in 0..<3 {
        let blend = 0.6 * color[c] + 0.4 * grey
        result.pixels[i * 3 + c] = UInt8((blend * 255).rounded())
      }
    }
    return result
  }

  /// The picture with a strip below that holds a text.
  func captioned(_ text: String) -> Picture {
    let strip = Picture.filled(width: width, height: Lettering.height * 2 + 6, 255)
    var result = Picture(width: width, height: height + strip.height, pixels: pixels + strip.pixels)
    result.letter(text, x: 0, y: height + 3)
    return result
  }

  private mutating func paste(_ other: Picture, x: Int, y: Int) {
    for row in 0..<other.height {
      let (from, to) = (row * other.width * 3, ((y + row) * width + x) * 3)
      pixels.replaceSubrange(to..<(to + other.width * 3), with: other.pixels[from..<(from + other.width * 3)])
    }
  }

  /// Writes dark letters, `scale` pixels to a dot; what leaves the picture is cut off.
  private mutating func letter(_ text: String, x: Int, y: Int, scale: Int = 2) {
    for dot in Lettering.dots(text) {
      for i in 0..<(scale * scale) {
        let (px, py) = (x + dot.x * scale + i % scale, y + dot.y * scale + i / scale)
        guard (0..<width).contains(px), (0..<height).contains(py) else { continue }
        for c in 0..<3 { pixels[(py * width + px) * 3 + c] = 40 }
      }
    }
  }

  /// Pictures of one size in rows and columns, with a title above each column and a label beside each row.
  static func sheet(columns: [String], rows: [(label: [String], pictures: [Picture])]) -> Picture {
    guard let first = rows.first?.pictures.first else { return filled(width: 1, height: 1, 255) }
    let (gap, dot) = (8, 2)
    let letterWidth = (Lettering.width + 1) * dot
    let labelWidth = (rows.flatMap(\.label).map(\.count).max() ?? 0) * letterWidth + gap
    let header = Lettering.height * dot + 2 * gap
    var sheet = filled(
      width: labelWidth + columns.count * (first.width + gap) + gap, height: header + rows.count * (first.height + gap),
      255)
    for (column, title) in columns.enumerated() {
      sheet.letter(title, x: gap + labelWidth + column * (first.width + gap), y: gap)
    }
    for (row, (label, pictures)) in rows.enumerated() {
      let y = header + row * (first.height + gap)
      for (line, text) in label.enumerated() { sheet.letter(text, x: gap, y: y + line * (Lettering.height + 2) * dot) }
      for (column, picture) in pictures.enumerated() {
        sheet.paste(picture, x: gap + labelWidth + column * (first.width + gap), y: y)
      }
    }
    return sheet
  }
}
