import Formats

extension RGBImage {
  /// Resizes the image bilinearly with antialiasing: for smaller images the triangle filter is widened over all pixels
  /// that an output pixel covers. The result is identical to Pillow's `resize` with `BILINEAR`, which pretrained
  /// networks were trained with.
  ///
  /// Like Pillow it computes in integers: first along rows and then along columns, with weights that are multiples of
  /// 2⁻²² and bytes as the intermediate result.
  public func resized(width: Int, height: Int) -> RGBImage {
    var result = self
    if width != self.width { result = result.resizedRows(to: width) }
    if height != self.height { result = result.resizedColumns(to: height) }
    return result
  }

  private func resizedRows(to target: Int) -> RGBImage {
    let table = ResizingTable(from: width, to: target)
    return RGBImage(width: target, height: height) { out in
      pixels.withUnsafeBufferPointer { source in
        for y in 0..<height {
          for x in 0..<target {
            var sums = (ResizingTable.half, ResizingTable.half, ResizingTable.half)
            var from = (y * width + table.starts[x]) * 3
            for weight in table.weights(x) {
              sums.0 += Int(source[from]) * weight
              sums.1 += Int(source[from + 1]) * weight
              sums.2 += Int(source[from + 2]) * weight
              from += 3
            }
            let to = (y * target + x) * 3
            out[to] = ResizingTable.byte(sums.0)
            out[to + 1] = ResizingTable.byte(sums.1)
            out[to + 2] = ResizingTable.byte(sums.2)
          }
        }
      }
    }
  }

  private func resizedColumns(to target: Int) -> RGBImage {
    let table = ResizingTable(from: height, to: target)
    let row = width * 3
    return RGBImage(width: width, height: target) { out in
      pixels.withUnsafeBufferPointer { source in
        var sums = [Int](repeating: 0, count: row)
        sums.withUnsafeMutableBufferPointer { sums in
          for y in 0..<target {
            sums.update(repeating: ResizingTable.half)
            var from = table.starts[y] * row
            for weight in table.weights(y) {
              for i in 0..<row { sums[i] &+= Int(source[from + i]) &* weight }
              from += row
            }
            for i in 0..<row { out[y * row + i] = ResizingTable.byte(sums[i]) }
          }
        }
      }
    }
  }

  /// The window whose upper left corner is at (`x`, `y`); it is black outside of the image.
  public func cropped(x: Int, y: Int, width: Int, height: Int) -> RGBImage {
    let columns = max(0, x)..<max(max(0, x), min(self.width, x + width))
    let rows = max(0, y)..<max(max(0, y), min(self.height, y + height))
    return RGBImage(width: width, height: height) { out in
      for row in rows {
        let from = (row * self.width + columns.lowerBound) * 3
        let to = ((row - y) * width + columns.lowerBound - x) * 3
        for i in 0..<(columns.count * 3) { out[to + i] = pixels[from + i] }
      }
    }
  }

  /// An image whose bytes are zero until `body` fills them in.
  init(width: Int, height: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
    self.init(
      width: width, height: height,
      pixels: [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
        buffer.initialize(repeating: 0)
        body(buffer)
        count = width * height * 3
      })
  }
}

/// For each output pixel along an axis, the input pixels and weights of its weighted mean.
private struct ResizingTable {
  /// The number of fractional bits of the weights.
  static let bits = 22
  static let half = 1 << (bits - 1)
  private(set) var starts: [Int] = []
  private var offsets = [0]
  private var values: [Int] = []

  init(from inputs: Int, to outputs: Int) {
    let scale = Double(inputs) / Double(outputs)
    let reach = max(1, scale)
    for i in 0..<outputs {
      let center = (Double(i) + 0.5) * scale
      let start = max(0, Int(center - reach + 0.5))
      let end = min(inputs, Int(center + reach + 0.5))
      let weights = (start..<end).map { max(0, 1 - abs((Double($0) - center + 0.5) * (1 / reach))) }
      let sum = weights.reduce(0, +)
      starts.append(start)
      values += weights.map { Int($0 / sum * Double(1 << Self.bits) + 0.5) }
      offsets.append(values.count)
    }
  }

  func weights(_ index: Int) -> ArraySlice<Int> { values[offsets[index]..<offsets[index + 1]] }

  static func byte(_ sum: Int) -> UInt8 { UInt8(clamping: sum >> bits) }
}
