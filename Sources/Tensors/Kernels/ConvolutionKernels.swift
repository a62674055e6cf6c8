import CKernels

extension Kernels {
  /// The open slot of the trilinear form.
  ///
  /// Measured against oneDNN on NHWC images, which these networks need: the tiles alone reach 70 to 100 % of an idle core's
  /// peak for 3×3 kernels on images of 7 to 224 pixels, where oneDNN has 45 to 50 %; and it must reorder every kernel that
  /// an inner update has just made.
  ///
  /// - Parameter plainly: whether Winograd's way is left out where it could be taken.
  static func convolve(
    _ form: ConvolutionForm, open: ConvolutionForm.Slot, _ a: Tensor, _ b: Tensor, onto partial: PartialSum? = nil,
    plainly: Bool = false
  ) -> Tensor {
    let tiles = tiles(a.scalarType)
    let winograd = plainly ? nil : WinogradPlan.plan(form, open: open, lanes: tiles.lanes)
    let plan = winograd == nil ? ConvolutionPlan.plan(form, open: open, tileRows: tiles.rows) : nil
    let a = plan?.isNarrow == true ? padded(a, form) : a
    let (storage, adds) = destination(form.shape(of: open), a.scalarType, onto: partial)
    func run<T: Scalar>(_: T.Type) {
      let out = storage.pointer.assumingMemoryBound(to: T.self)
      let (p, q) = (a.pointer() as UnsafePointer<T>, b.pointer() as UnsafePointer<T>)
      let images = form.image[0]
      // One kernel for all images need not be looked at for each, whatever its shape.
      let kernel = open == .response ? b : open == .image ? a : nil
      let kernelSize = form.kernel.suffix(4).reduce(T.type.size, *)
      let kernelPerImage = form.hasKernelPerImage && kernel?.storage.period != kernelSize
      if let winograd {
        let work = WinogradWork(winograd, images: images, kernelPerImage: kernelPerImage, adds: adds, T.self)
        switch open {
        case .response: work.gather(p, q, into: out)
        case .image: work.gather(q, p, into: out)
        case .kernel: work.outer(p, q, into: out)
        }
      } else if let plan {
        let work = ConvolutionWork(plan, images: images, kernelPerImage: kernelPerImage, adds: adds, T.self)
        switch open {
        case .response: work.gather(p, q, into: out, transposed: false)
        case .image: work.gather(q, p, into: out, transposed: true)
        case .kernel: work.outer(p, q, into: out)
        }
      }
    }
    withExtendedLifetime((a, b)) { a.scalarType == .float32 ? run(Float.self) : run(Double.self) }
    return Tensor(storage: storage, shape: form.shape(of: open), scalarType: a.scalarType)
  }

  /// The image with its padding filled in.
  private static func padded(_ x: Tensor, _ form: ConvolutionForm) -> Tensor {
    let padding = form.geometry.padding
    guard padding.height > 0 || padding.width > 0 else { return x }
    let shape = [
      x.shape[0], x.shape[1] + 2 * padding.height, x.shape[2] + 2 * padding.width, x.shape[3],
    ]
    let strides = contiguousStrides(shape)
    return copy(
      x, sizes: x.shape, from: 0, strides: contiguousStrides(x.shape), into: shape,
      at: padding.height * strides[1] + padding.width * strides[2], strides: strides)
  }
}

/// One convolution: its plan run over the images of a batch, on several threads where that is worth it.
private struct ConvolutionWork<T: Scalar> {
  let plan: ConvolutionPlan
  let images: Int
  let kernelPerImage: Bool
  /// Whether results are added to what is there.
  let adds: Bool
  let tiles: metasal_tiles
  /// Numbers in one image, kernel, response.
  let imageSize, kernelSize, responseSize: Int
  /// Channels of the response, all and in one group.
  let outputs, groupOutputs: Int

  init(_ plan: ConvolutionPlan, images: Int, kernelPerImage: Bool, adds: Bool, _: T.Type) {
    self.plan = plan
    self.images = images
    self.kernelPerImage = kernelPerImage
    self.adds = adds
    tiles = Kernels.tiles(T.type)
    let (form, padding) = (plan.form, plan.form.geometry.padding)
    let margin = plan.isNarrow ? (padding.height, padding.width) : (0, 0)
    imageSize = (form.image[1] + 2 * margin.0) * (form.image[2] + 2 * margin.1) * form.image[3]
    kernelSize = form.kernel.reduce(1, *)
    responseSize = form.response.reduce(1, *)
    outputs = form.response[3]
    groupOutputs = outputs / form.geometry.groups
  }

  /// How many threads share the work.
  private func threads(_ items: Int) -> Int {
    let products = plan.form.response.dropLast().reduce(images, *) * kernelSize
    return products < 1 << 21 ? 1 : min(items, Parallel.kernelThreads)
  }

  /// The response from image `a`, or (transposed) the image from response `a`.
  func gather(_ a: UnsafePointer<T>, _ kernel: UnsafePointer<T>, into c: UnsafeMutablePointer<T>, transposed: Bool) {
    let count = plan.passes.first.map { $0.starts.count - 1 } ?? 0
    let (from, to) = transposed ? (responseSize, imageSize) : (imageSize, responseSize)
    let strips = panelStrips(transposed)
    // Threads share what is larger, as each of them goes through the whole of the other.
    if kernelSize > (kernelPerImage ? 1 : images) * from && strips >= Parallel.kernelThreads {
      for shared in kernelPerImage ? (0..<images).map({ $0..<($0 + 1) }) : [0..<images] {
        let kernel = kernelPerImage ? kernel + shared.lowerBound * kernelSize : kernel
        Parallel.split(strips, threads: threads(strips)) { part in
          forEachPanel(kernel, transposed: transposed, part) { pass, depth, panel, offsetA, offsetC, columns, adds in
            for image in shared {
              pass.words.withUnsafeBufferPointer { words in
                guard let base = words.baseAddress else { return }
                tiles.gather(
                  base, count, a + image * from + offsetA, panel.pointer, panel.tapStride, panel.rowStride, depth,
                  c + image * to + offsetC, columns, adds ? 1 : 0)
              }
            }
          }
        }
      }
      return
    }
    Parallel.split(images * count, threads: threads(images * count)) { range in
      // The parts of the range image by image; a kernel for all images is packed once for all of them.
      let parts = (0..<images).compactMap { image in
        let part = range.clamped(to: (image * count)..<((image + 1) * count))
        return part.isEmpty ? nil : (image, (part.lowerBound - image * count)..<(part.upperBound - image * count))
      }
      for shared in kernelPerImage ? parts.map({ [$0] }) : [parts] {
        guard let first = shared.first else { continue }
        let kernel = kernelPerImage ? kernel + first.0 * kernelSize : kernel
        forEachPanel(kernel, transposed: transposed, 0..<strips) {
          pass, depth, panel, offsetA, offsetC, columns, adds in
          for (image, part) in shared {
            pass.words.withUnsafeBufferPointer { words in
              guard let base = words.baseAddress else { return }
              tiles.gather(
                base + pass.starts[part.lowerBound], part.count, a + image * from + offsetA, panel.pointer,
                panel.tapStride, panel.rowStride, depth, c + image * to + offsetC, columns, adds ? 1 : 0)
            }
          }
        }
      }
    }
  }

  private struct Panel {
    let pointer: UnsafePointer<T>
    let tapStride, rowStride: Int
  }

  /// How many panels are packed together, and how many columns they may have in each group.
  private func panelColumns(_ transposed: Bool) -> (together: Int, total: Int) {
    (isWide && !transposed ? Self.panelsTogether : 1, transposed ? plan.inputs : groupOutputs)
  }

  /// How many strips of panels that are packed together the kernel has, in all groups.
  private func panelStrips(_ transposed: Bool) -> Int {
    let (together, total) = panelColumns(transposed)
    return plan.form.geometry.groups * ((total + tiles.width * together - 1) / (tiles.width * together))
  }

  /// Calls `body` for every part of some strips of the kernel that fits the first-level cache, packed where its rows lie far
  /// apart.
  private func forEachPanel(
    _ kernel: UnsafePointer<T>, transposed: Bool, _ strips: Range<Int>,
    _ body: (ConvolutionPlan.Pass, _ depth: Int, Panel, _ a: Int, _ c: Int, _ columns: Int, _ adds: Bool) -> Void
  ) {
    let (together, total) = panelColumns(transposed)
    let depth = transposed ? groupOutputs : plan.inputs
    let limit = Int(METASAL_DEPTH)
    let stripsInGroup = panelStrips(transposed) / plan.form.geometry.groups
    let capacity = plan.passes.reduce(0) { max($0, $1.taps) } * min(depth, limit) * tiles.width * together
    withUnsafeTemporaryAllocation(of: T.self, capacity: capacity) { buffer in
      guard let packed = buffer.baseAddress else { return }
      for (group, part) in strips.grouped(by: stripsInGroup) {
        for strip in part {
          let column = strip * tiles.width * together
          let columns = min(tiles.width * together, total - column)
          let width = panelWidth(columns)
          let packs = transposed || columns < width || isWide
          for (index, pass) in plan.passes.enumerated() {
            for start in stride(from: 0, to: depth, by: limit) {
              let rows = min(limit, depth - start)
              let panelStride = pass.taps * rows * width
              func element(_ tap: Int, _ input: Int, _ output: Int) -> UnsafePointer<T> {
                kernel + ((pass.firstTap + tap) * plan.inputs + input) * outputs + group * groupOutputs + output
              }
              if packs {
                for tap in 0..<pass.taps {
                  let target = packed + tap * rows * width
                  if transposed {
                    tiles.transposePanel(element(tap, column, start), outputs, rows, columns, target, width)
                  } else {
                    tiles.copyPanels(element(tap, start, column), outputs, rows, columns, target, width, panelStride)
                  }
                }
              }
              for first in stride(from: 0, to: columns, by: width) {
                let panel =
                  packs
                  ? Panel(
                    pointer: UnsafePointer(packed + first / width * panelStride), tapStride: rows * width,
                    rowStride: width)
                  : Panel(pointer: element(0, start, column), tapStride: plan.inputs * outputs, rowStride: outputs)
                body(
                  pass, rows, panel, group * depth + start, group * total + column + first, min(width, columns - first),
                  adds || index > 0 || start > 0)
              }
            }
          }
        }
      }
    }
  }

  /// Panels that are packed in one go where rows are long. Of a kernel that has to come from memory, measured, four panels
  /// take two fifths of the time that they take one by one, which is as long as the arithmetic for an image of 7×7.
  private static var panelsTogether: Int { 4 }

  /// The kernel from image `a` and response `b`.
  func outer(_ a: UnsafePointer<T>, _ b: UnsafePointer<T>, into c: UnsafeMutablePointer<T>) {
    if images == 0 && !adds { return c.update(repeating: 0, count: kernelPerImage ? 0 : kernelSize) }
    let parts = evenParts(of: plan.inputs, atMost: tiles.rows)
    let groups = plan.form.geometry.groups
    let width = panelWidth(groupOutputs)
    let panels = (groupOutputs + width - 1) / width
    let pixelStride = plan.form.geometry.stride.width * plan.form.image[3]
    let packs = isWide || groupOutputs % tiles.lanes != 0
    // Threads share the kernel's rows, not the images: the order of every sum stays the same. They also share the packed
    // response, of the whole image; one alone packs a block at a time, which then stays in its cache.
    let rows = plan.taps * parts.count
    let items = groups * rows
    let threads = threads(items)
    let chunks = threads == 1 ? plan.blocks.indices.map { $0..<($0 + 1) } : [plan.blocks.indices]
    let blockPixels = plan.blocks.reduce(0) { max($0, $1.pixels) }
    let pixels = threads == 1 ? blockPixels : plan.form.response[1] * plan.form.response[2]
    let scratch = Storage(bytes: (packs ? groups * panels * pixels * width : 0) * T.type.size)
    defer { withExtendedLifetime(scratch) {} }
    let packedRows = scratch.pointer.assumingMemoryBound(to: T.self)
    for image in 0..<images {
      let (x, y) = (a + image * imageSize, b + image * responseSize)
      let target = kernelPerImage ? c + image * kernelSize : c
      for chunk in chunks {
        let firstPixel = plan.blocks[chunk.lowerBound].firstPixel
        let pixels = plan.blocks[chunk].reduce(0) { $0 + $1.pixels }
        if packs {
          Parallel.split(pixels, threads: threads) { part in
            for group in 0..<groups {
              tiles.copyPanels(
                y + (firstPixel + part.lowerBound) * outputs + group * groupOutputs, outputs, part.count, groupOutputs,
                packedRows + (group * panels * pixels + part.lowerBound) * width, width, pixels * width)
            }
          }
        }
        Parallel.split(items, threads: threads) { range in
          let scratch = Storage(bytes: blockPixels * tiles.rows * T.type.size)
          defer { withExtendedLifetime(scratch) {} }
          let packedRuns = scratch.pointer.assumingMemoryBound(to: T.self)
          for block in plan.blocks[chunk] {
            for item in range {
              let (group, tap, part) = (item / rows, item % rows / parts.count, parts[item % parts.count])
              let pixel = x + (plan.isNarrow ? 0 : group * plan.inputs) + part.lowerBound
              let packed = packedRows + (group * panels * pixels + block.firstPixel - firstPixel) * width
              let response = packs ? UnsafePointer(packed) : y + block.firstPixel * outputs + group * groupOutputs
              let isFirst = block.firstPixel == 0 && (image == 0 || kernelPerImage)
              let out = target + (tap * plan.inputs + part.lowerBound) * outputs + group * groupOutputs
              block.words.withUnsafeBufferPointer { words in
                guard let base = words.baseAddress else { return }
                let (runs, count) = (base + block.starts[tap], (block.starts[tap + 1] - block.starts[tap]) / 3)
                if packs {
                  tiles.packRuns(runs, count, pixel, pixelStride, part.count, packedRuns)
                  tiles.outer(
                    runs, count, packedRuns, part.count, 1, part.count, response, pixels * width, width, out, outputs,
                    groupOutputs, adds || !isFirst ? 1 : 0)
                } else {
                  tiles.outer(
                    runs, count, pixel, pixelStride, 0, part.count, response, width, outputs, out, outputs,
                    groupOutputs,
                    adds || !isFirst ? 1 : 0)
                }
              }
            }
          }
        }
      }
    }
  }

  /// Columns of a panel for so many: what a tile reads of it.
  private func panelWidth(_ columns: Int) -> Int { columns <= tiles.lanes ? tiles.lanes : tiles.width }

  /// Whether rows of the kernel and of the response lie so far apart that they fall on each other in the first-level cache,
  /// and are packed first. Measured: from 128 channels on packing pays, up to 64 it costs more than it gains.
  private var isWide: Bool { outputs * T.type.size >= 512 }
}
