import CKernels

/// The execution of a convolution plan over the images of a batch, on several threads if this is worthwhile.
struct ConvolutionWork<T: Scalar> {
  let plan: ConvolutionPlan
  let images: Int
  let kernelPerImage: Bool
  /// Whether results are added to the existing values.
  let adds: Bool
  let tiles: metasal_tiles
  /// The number of elements in one image, kernel and response.
  let imageSize, kernelSize, responseSize: Int
  /// The number of the response's channels, in total and per group.
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

  /// The number of threads that share the work.
  private func threads(_ items: Int) -> Int {
    let products = plan.form.response.dropLast().reduce(images, *) * kernelSize
    return products < 1 << 21 ? 1 : min(items, Parallel.kernelThreads)
  }

  /// Computes the response from image `a` or, if transposed, the image from response `a`.
  func gather(_ a: UnsafePointer<T>, _ kernel: UnsafePointer<T>, into c: UnsafeMutablePointer<T>, transposed: Bool) {
    let count = plan.passes.first.map { $0.starts.count - 1 } ?? 0
    let (from, to) = transposed ? (responseSize, imageSize) : (imageSize, responseSize)
    let strips = panelStrips(transposed)
    /// Computes some strips of one kernel for some tiles of some images. A kernel that all images share is packed once
    /// for all of them.
    func run(_ kernel: UnsafePointer<T>, _ strips: Range<Int>, _ parts: [(image: Int, tiles: Range<Int>)]) {
      forEachPanel(kernel, transposed: transposed, strips) { pass, depth, panel, offsetA, offsetC, columns, adds in
        for (image, part) in parts {
          pass.words.withUnsafeBufferPointer { words in
            guard let base = words.baseAddress else { return }
            tiles.gather(
              base + pass.starts[part.lowerBound], part.count, a + image * from + offsetA, panel.pointer,
              panel.tapStride, panel.rowStride, depth, c + image * to + offsetC, columns, adds ? 1 : 0)
          }
        }
      }
    }
    // Threads divide the larger operand, because each thread goes through the whole other operand.
    if kernelSize > (kernelPerImage ? 1 : images) * from && strips >= Parallel.kernelThreads {
      let all = (0..<images).map { (image: $0, tiles: 0..<count) }
      for shared in kernelPerImage ? all.map({ [$0] }) : [all] {
        let kernel = kernelPerImage ? kernel + shared[0].image * kernelSize : kernel
        Parallel.split(strips, threads: threads(strips)) { run(kernel, $0, shared) }
      }
      return
    }
    Parallel.split(images * count, threads: threads(images * count)) { range in
      let parts = range.grouped(by: count).map { (image: $0.number, tiles: $0.part) }
      for shared in kernelPerImage ? parts.map({ [$0] }) : [parts] {
        guard let first = shared.first else { continue }
        run(kernelPerImage ? kernel + first.image * kernelSize : kernel, 0..<strips, shared)
      }
    }
  }

  private struct Panel {
    let pointer: UnsafePointer<T>
    let tapStride, rowStride: Int
  }

  /// The number of panels that are packed together, and the number of columns in each group.
  private func panelColumns(_ transposed: Bool) -> (together: Int, total: Int) {
    (isWide && !transposed ? Self.panelsTogether : 1, transposed ? plan.inputs : groupOutputs)
  }

  /// The number of strips of the kernel in all groups, where a strip is a set of panels that are packed together.
  private func panelStrips(_ transposed: Bool) -> Int {
    let (together, total) = panelColumns(transposed)
    return plan.form.geometry.groups * ((total + tiles.width * together - 1) / (tiles.width * together))
  }

  /// Calls `body` for each part of some strips of the kernel that fits the first-level cache. Parts whose rows lie far
  /// apart are packed.
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

  /// The number of panels that are packed together if rows are long. For a kernel that is not in the cache, four panels
  /// were measured to take two fifths of the time of single panels, which is as long as the arithmetic for a 7×7 image.
  private static var panelsTogether: Int { 4 }

  /// Computes the kernel from image `a` and response `b`.
  func outer(_ a: UnsafePointer<T>, _ b: UnsafePointer<T>, into c: UnsafeMutablePointer<T>) {
    if images == 0 && !adds { return c.update(repeating: 0, count: kernelPerImage ? 0 : kernelSize) }
    let parts = evenParts(of: plan.inputs, atMost: tiles.rows)
    let groups = plan.form.geometry.groups
    let width = panelWidth(groupOutputs)
    let panels = (groupOutputs + width - 1) / width
    let pixelStride = plan.form.geometry.stride.width * plan.form.image[3]
    let packs = isWide || groupOutputs % tiles.lanes != 0
    // Threads divide the kernel's rows and not the images, so that the order of every sum stays the same. They also
    // share the packed response of the whole image. A single thread packs one block at a time, which then stays in its
    // cache.
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

  /// The width of a panel with this number of columns, as a tile reads it.
  private func panelWidth(_ columns: Int) -> Int { columns <= tiles.lanes ? tiles.lanes : tiles.width }

  /// Whether rows of the kernel and of the response are so long that they collide in the first-level cache and are
  /// therefore packed. In measurements packing is faster from 128 channels on and slower up to 64.
  private var isWide: Bool { outputs * T.type.size >= 512 }
}
