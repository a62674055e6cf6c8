import CKernels

/// A table of the pixels that a convolution combines, computed once per geometry and open slot. The convolution and its
/// two adjoints then run on the same tiles for any stride, padding and dilation. The idea is from Dukhan 2019, "The
/// Indirect Convolution Algorithm", who looks up whole rows of pixels instead of tiles.
final class ConvolutionPlan: Sendable {
  /// Tiles of pixels of the open image or response, and the input pixels for some taps of the kernel.
  struct Pass {
    let firstTap: Int
    let taps: Int
    let words: [Int32]
    /// The index in the words at which each tile begins, and the end of the last one.
    let starts: [Int]
  }

  /// Some rows of the response, and for each tap the runs of pixels along these rows that it combines.
  struct Block {
    let firstPixel: Int
    let pixels: Int
    let words: [Int32]
    /// The index in the words at which each tap's runs begin, and the end of the last one's.
    let starts: [Int]
  }

  let form: ConvolutionForm
  /// Whether kernel columns and channels are treated as one axis. If there are few channels, this makes longer runs of
  /// numbers. The image must then come with its padding filled in.
  let isNarrow: Bool
  /// The number of kernel elements that are looked up, and the number of inputs at each for one output.
  let taps, inputs: Int
  let passes: [Pass]
  let blocks: [Block]

  /// The number of products that are summed at a time, so that 20 KiB of the kernel stay in the first-level cache
  /// together with the pixels.
  private static let passDepth = 320
  /// The number of pixels whose products are summed at a time, for the same reason.
  private static let blockPixels = 256

  private init(_ form: ConvolutionForm, open: ConvolutionForm.Slot, tileRows: Int) {
    self.form = form
    let g = form.geometry
    let (rows, columns, channels) = (form.kernel[0], form.kernel[1], form.kernel[2])
    isNarrow = open != .image && g.groups == 1 && channels < 8 && columns > 1 && g.dilation.width == 1
    taps = isNarrow ? rows : rows * columns
    inputs = isNarrow ? columns * channels : channels
    let lookup = Lookup(form, isNarrow: isNarrow)
    switch open {
    case .response:
      (passes, blocks) = (lookup.passes(taps: taps, depth: inputs, tileRows: tileRows, fromResponse: false), [])
    case .image:
      let depth = form.kernel[3] / g.groups
      (passes, blocks) = (lookup.passes(taps: taps, depth: depth, tileRows: tileRows, fromResponse: true), [])
    case .kernel: (passes, blocks) = ([], lookup.blocks(taps: taps))
    }
  }

  private struct Key: Hashable {
    let form: ConvolutionForm.Key
    let tileRows: Int
  }
  private static let plans = Cache<Key, ConvolutionPlan>()

  static func plan(_ form: ConvolutionForm, open: ConvolutionForm.Slot, tileRows: Int) -> ConvolutionPlan {
    plans.value(Key(form: .init(form, open: open), tileRows: tileRows)) {
      ConvolutionPlan(form.ofOneImage, open: open, tileRows: tileRows)
    }
  }

  /// The mapping between pixels of the image and of the response, for each tap.
  private struct Lookup {
    let geometry: ConvolutionGeometry
    let columns, height, width, channels, outHeight, outWidth, outputs: Int
    let isNarrow: Bool

    init(_ form: ConvolutionForm, isNarrow: Bool) {
      geometry = form.geometry
      columns = form.kernel[1]
      (height, width, channels) = (form.image[1], form.image[2], form.image[3])
      (outHeight, outWidth, outputs) = (form.response[1], form.response[2], form.response[3])
      self.isNarrow = isNarrow
    }

    /// The offset of the image's pixel; nil if it lies in the padding.
    func imagePixel(_ tap: Int, _ y: Int, _ x: Int) -> Int? {
      let g = geometry
      if isNarrow {
        return ((y * g.stride.height + tap * g.dilation.height) * (width + 2 * g.padding.width) + x * g.stride.width)
          * channels
      }
      let row = y * g.stride.height - g.padding.height + tap / columns * g.dilation.height
      let column = x * g.stride.width - g.padding.width + tap % columns * g.dilation.width
      return row >= 0 && row < height && column >= 0 && column < width ? (row * width + column) * channels : nil
    }

    /// The offset of the response's pixel that uses this pixel of the image through the tap; nil if there is none.
    func responsePixel(_ tap: Int, _ y: Int, _ x: Int) -> Int? {
      let g = geometry
      let row = y + g.padding.height - tap / columns * g.dilation.height
      let column = x + g.padding.width - tap % columns * g.dilation.width
      guard row >= 0, column >= 0, row % g.stride.height == 0, column % g.stride.width == 0 else { return nil }
      let (r, c) = (row / g.stride.height, column / g.stride.width)
      return r < outHeight && c < outWidth ? (r * outWidth + c) * outputs : nil
    }

    func passes(taps: Int, depth: Int, tileRows: Int, fromResponse: Bool) -> [Pass] {
      let limit = max(1, passDepth / min(depth, Int(METASAL_DEPTH)))
      // All passes have the same tiles, so that each thread adds to tiles that it has begun itself.
      let pixels = pixels(taps: taps, fromResponse: fromResponse)
      return evenParts(of: taps, atMost: limit).map { part in
        var (words, starts): ([Int32], [Int]) = ([], [])
        for tile in evenParts(of: pixels.count, atMost: tileRows) {
          starts.append(words.count)
          let tilePixels = pixels[tile]
          words += [Int32(tile.count), 0]
          let segmentsAt = words.count - 1
          words += tilePixels.map { y, x in
            Int32(fromResponse ? (y * width + x) * channels : (y * outWidth + x) * outputs)
          }
          for tap in part {
            let sources = tilePixels.map { y, x in
              (fromResponse ? responsePixel(tap, y, x) : imagePixel(tap, y, x)).map(Int32.init) ?? -1
            }
            guard sources.contains(where: { $0 >= 0 }) else { continue }
            words[segmentsAt] += 1
            words.append(Int32(tap - part.lowerBound))
            words += sources
          }
        }
        return Pass(firstTap: part.lowerBound, taps: part.count, words: words, starts: starts + [words.count])
      }
    }

    func blocks(taps: Int) -> [Block] {
      stride(from: 0, to: outHeight, by: max(1, blockPixels / outWidth)).map { first in
        let rows = first..<min(outHeight, first + max(1, blockPixels / outWidth))
        // There is at least one run, possibly of length 0, so that there is an address.
        var (words, starts): ([Int32], [Int]) = ([], [])
        for tap in 0..<taps {
          starts.append(words.count)
          for y in rows {
            let inside = (0..<outWidth).filter { imagePixel(tap, y, $0) != nil }
            guard let x = inside.first, let start = imagePixel(tap, y, x) else { continue }
            words += [Int32(start), Int32((y - first) * outWidth + x), Int32(inside.count)]
          }
        }
        starts.append(words.count)
        return Block(
          firstPixel: first * outWidth, pixels: rows.count * outWidth, words: words + [0, 0, 0], starts: starts)
      }
    }

    /// The open slot's pixels, where pixels that use the same taps are neighbours. A tile can then skip a tap as a
    /// whole at borders and between strides.
    private func pixels(taps: Int, fromResponse: Bool) -> [(Int, Int)] {
      let (rows, columns) = fromResponse ? (height, width) : (outHeight, outWidth)
      var groups: [[Bool]: Int] = [:]
      var members: [[(Int, Int)]] = []
      for y in 0..<rows {
        for x in 0..<columns {
          let meets = (0..<taps).map { (fromResponse ? responsePixel($0, y, x) : imagePixel($0, y, x)) != nil }
          let group = groups[meets] ?? members.count
          if group == members.count {
            groups[meets] = group
            members.append([])
          }
          members[group].append((y, x))
        }
      }
      return members.flatMap(\.self)
    }
  }
}
