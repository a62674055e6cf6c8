import CKernels

/// A convolution by a ``WinogradPlan``, over the images of a batch.
struct WinogradWork<T: Scalar> {
  private let plan: WinogradPlan
  private let images: Int
  private let kernelPerImage: Bool
  /// Whether results are added to what is there.
  private let adds: Bool
  private let tiles: metasal_tiles
  private let transforms: metasal_winograd
  /// Rows and columns of a tile.
  private let side: Int32
  /// Numbers in one image, kernel and response; the first and the last exchanged where the image is open.
  private let sourceSize, kernelSize, targetSize: Int

  init(_ plan: WinogradPlan, images: Int, kernelPerImage: Bool, adds: Bool, _: T.Type) {
    (self.plan, self.images, self.kernelPerImage, self.adds) = (plan, images, kernelPerImage, adds)
    (tiles, transforms) = (Kernels.tiles(T.type), Kernels.winograd(T.type))
    side = Int32(plan.side)
    let (image, response) = (plan.form.image.reduce(1, *), plan.form.response.reduce(1, *))
    (sourceSize, targetSize) = plan.open == .image ? (response, image) : (image, response)
    kernelSize = plan.form.kernel.reduce(1, *)
  }

  /// The response to images `a`, or (turned) the images from responses `a`.
  func gather(_ a: UnsafePointer<T>, _ kernel: UnsafePointer<T>, into c: UnsafeMutablePointer<T>) {
    for strip in strips {
      let image = strip.lowerBound / plan.tileRows
      let kernel = kernelPerImage ? kernel + image * kernelSize : kernel
      let source = sourcePlanes(a, strip)
      let blocks = blocks(of: strip)
      let items = panels * blocks.count
      Parallel.split(items, threads: threads(items)) { range in
        let sums = planes(rows: Self.blockTiles, columns: tiles.width)
        let kernelPlanes = planes(rows: plan.inputs, columns: tiles.width)
        let parts = range.grouped(by: blocks.count)
        forEachPanel(of: kernel, parts.map(\.number), kernelPlanes) { panel in
          let columns = columns(panel)
          for number in parts[panel - parts[0].number].part {
            let block = blocks[number]
            let next = next(after: kernel, of: image, part: panel * blocks.count + number, of: items)
            transforms.products(
              plan.planes, 0, block.tiles.count, source.pointer + block.first * plan.inputs, source.stride, plan.inputs,
              plan.inputs, kernelPlanes.pointer, kernelPlanes.stride, sums.pointer, sums.stride, columns.count,
              next.baseAddress, next.count)
            withOffsets(block.tiles.lowerBound) {
              transforms.fromPlanes(
                side, metasal_response, $0, plan.side * plan.side, 0, block.tiles.count, sums.pointer, sums.stride,
                c + block.image * targetSize + columns.lowerBound, columns.count, adds ? 1 : 0)
            }
          }
        }
      }
    }
  }

  /// The kernel from images `a` and responses `b`.
  func outer(_ a: UnsafePointer<T>, _ b: UnsafePointer<T>, into c: UnsafeMutablePointer<T>) {
    let parts = evenParts(of: plan.inputs, atMost: tiles.rows)
    if images == 0 && !adds { return c.update(repeating: 0, count: kernelPerImage ? 0 : kernelSize) }
    for strip in strips {
      let image = strip.lowerBound / plan.tileRows
      let target = kernelPerImage ? c + image * kernelSize : c
      let isFirst = kernelPerImage ? strip.lowerBound == image * plan.tileRows : strip.lowerBound == 0
      let source = sourcePlanes(a, strip)
      let rows = strip.count * plan.tileColumns
      let items = panels * parts.count
      // Threads share the kernel's rows, not the images: the order of every sum stays the same.
      Parallel.split(items, threads: threads(items)) { range in
        let responses = planes(rows: rows, columns: tiles.width)
        let sums = planes(rows: plan.inputs, columns: tiles.width)
        for (panel, own) in range.grouped(by: parts.count) {
          let columns = columns(panel)
          let inputs = parts[own.lowerBound].lowerBound..<parts[own.upperBound - 1].upperBound
          forEachImage(of: strip) { image, rows, row in
            withOffsets(rows.lowerBound * plan.tileColumns) {
              transforms.toPlanes(
                side, metasal_response, $0, plan.side * plan.side, 0, rows.count * plan.tileColumns,
                b + image * targetSize + columns.lowerBound, columns.count,
                responses.pointer + row * plan.tileColumns * columns.count, responses.stride)
            }
          }
          let next = next(after: target, of: image, part: panel, of: panels)
          transforms.products(
            plan.planes, 1, inputs.count, source.pointer + inputs.lowerBound, source.stride, plan.inputs, rows,
            responses.pointer, responses.stride, sums.pointer, sums.stride, columns.count, next.baseAddress, next.count)
          transforms.fromPlanes(
            side, metasal_kernel, plan.taps, 0, plan.outputs, inputs.count, sums.pointer, sums.stride,
            target + inputs.lowerBound * plan.outputs + columns.lowerBound, columns.count, adds || !isFirst ? 1 : 0)
        }
      }
    }
  }

  // MARK: - Parts

  /// Rows of tiles, numbered through all images, that are computed together: such as share a kernel, and as many as leave
  /// their planes in the cache.
  private var strips: [Range<Int>] {
    let limit = max(1, Self.stripSize / (plan.planes * plan.tileColumns * plan.inputs))
    guard kernelPerImage else { return evenParts(of: images * plan.tileRows, atMost: limit) }
    return (0..<images).flatMap { image in
      evenParts(of: plan.tileRows, atMost: limit).map {
        (image * plan.tileRows + $0.lowerBound)..<(image * plan.tileRows + $0.upperBound)
      }
    }
  }

  /// Numbers; 2 MiB in float32.
  private static var stripSize: Int { 1 << 19 }

  /// The images that rows of tiles belong to: calls `body` with each, its rows, and the place of the first of them.
  private func forEachImage(of strip: Range<Int>, _ body: (_ image: Int, _ rows: Range<Int>, _ place: Int) -> Void) {
    for (image, rows) in strip.grouped(by: plan.tileRows) {
      body(image, rows, image * plan.tileRows + rows.lowerBound - strip.lowerBound)
    }
  }

  /// Tiles of one image, the first of them in place `first` of the strip's.
  private struct Block {
    let image: Int
    let tiles: Range<Int>
    let first: Int
  }

  private func blocks(of strip: Range<Int>) -> [Block] {
    var blocks: [Block] = []
    forEachImage(of: strip) { image, rows, row in
      let (begin, end) = (rows.lowerBound * plan.tileColumns, rows.upperBound * plan.tileColumns)
      for tile in stride(from: begin, to: end, by: Self.blockTiles) {
        let place = row * plan.tileColumns + tile - begin
        blocks.append(Block(image: image, tiles: tile..<min(end, tile + Self.blockTiles), first: place))
      }
    }
    return blocks
  }

  /// Tiles whose products are summed before they become pixels; a multiple of what every processor's tiles have for rows.
  private static var blockTiles: Int { 24 }

  private var panels: Int { (plan.outputs + tiles.width - 1) / tiles.width }

  /// The columns of a panel.
  private func columns(_ panel: Int) -> Range<Int> {
    (panel * tiles.width)..<min(plan.outputs, (panel + 1) * tiles.width)
  }

  /// How many threads share the work.
  private func threads(_ items: Int) -> Int {
    images * plan.form.ofOneImage.products < 1 << 21 ? 1 : min(items, Parallel.kernelThreads)
  }

  // MARK: - Planes

  /// Matrices for the time being.
  private struct Planes {
    let storage: Storage
    /// From one to the next.
    let stride: Int
    var pointer: UnsafeMutablePointer<T> { storage.pointer.assumingMemoryBound(to: T.self) }
  }

  /// A line of the cache lies between planes, so that their rows do not all fall on one place in it.
  private func planes(rows: Int, columns: Int) -> Planes {
    let stride = rows * columns + 64 / T.type.size
    return Planes(storage: Storage(bytes: plan.planes * stride * T.type.size), stride: stride)
  }

  /// The sources of rows of tiles.
  private func sourcePlanes(_ a: UnsafePointer<T>, _ strip: Range<Int>) -> Planes {
    let planes = planes(rows: strip.count * plan.tileColumns, columns: plan.inputs)
    Parallel.split(strip.count, threads: threads(strip.count)) { part in
      forEachImage(of: (strip.lowerBound + part.lowerBound)..<(strip.lowerBound + part.upperBound)) {
        image, rows, row in
        transforms.imageToPlanes(
          side, a + image * sourceSize, plan.height, plan.width, plan.inputs, plan.top, plan.left, rows.lowerBound,
          rows.count, plan.tileColumns,
          planes.pointer + (part.lowerBound + row) * plan.tileColumns * plan.inputs, planes.stride)
      }
    }
    return planes
  }

  /// Calls `body` for each of some panels that follow each other, after the kernel's part of it has come into `planes`.
  private func forEachPanel(
    of kernel: UnsafePointer<T>, _ panels: [Int], _ planes: Planes, _ body: (_ panel: Int) -> Void
  ) {
    let (inputs, outputs, width) = (plan.inputs, plan.outputs, tiles.width)
    let isTurned = plan.open == .image
    guard isTurned || kernelSize * T.type.size >= Self.packedFrom else {
      for panel in panels {
        let columns = columns(panel)
        transforms.toPlanes(
          side, metasal_kernel, plan.taps, 0, outputs, inputs, kernel + columns.lowerBound, columns.count,
          planes.pointer,
          planes.stride)
        body(panel)
      }
      return
    }
    let together = isTurned ? 1 : Self.panelsTogether
    let panelSize = 9 * inputs * width
    let scratch = Storage(bytes: together * panelSize * T.type.size)
    defer { withExtendedLifetime(scratch) {} }
    let packed = scratch.pointer.assumingMemoryBound(to: T.self)
    let taps = (0..<9).map { Int32($0 * inputs * width) }
    for start in stride(from: 0, to: panels.count, by: together) {
      let some = panels[start..<min(start + together, panels.count)]
      let first = columns(some[start]).lowerBound
      let count = some.reduce(0) { $0 + columns($1).count }
      for tap in 0..<9 {
        if isTurned {
          // Turned by half a circle, its two channels exchanged.
          tiles.transposePanel(
            kernel + (tap * outputs + first) * inputs, inputs, inputs, count, packed + (8 - tap) * inputs * width, width
          )
        } else {
          tiles.copyPanels(
            kernel + tap * inputs * outputs + first, outputs, inputs, count, packed + tap * inputs * width, width,
            panelSize)
        }
      }
      for (index, panel) in some.enumerated() {
        transforms.toPlanes(
          side, metasal_kernel, taps, 0, width, inputs, packed + index * panelSize, columns(panel).count,
          planes.pointer,
          planes.stride)
        body(panel)
      }
    }
  }

  /// Bytes from which on a kernel is taken to come from memory, so that its panels are packed a few together first.
  private static var packedFrom: Int { 1 << 18 }
  private static var panelsTogether: Int { 2 }

  /// One of equal parts of the kernel that comes after an image's own: brought into the cache while that one is worked with,
  /// it need not be waited for. Empty where there is none, or it is so large that it would displace what is worked with.
  private func next(
    after kernel: UnsafePointer<T>, of image: Int, part: Int, of parts: Int
  ) -> UnsafeRawBufferPointer {
    let bytes = kernelSize * T.type.size
    guard kernelPerImage, image + 1 < images, bytes < Self.packedFrom else { return .init(start: nil, count: 0) }
    let range = (bytes * part / parts)..<(bytes * (part + 1) / parts)
    return .init(start: UnsafeRawPointer(kernel + kernelSize) + range.lowerBound, count: range.count)
  }

  private func withOffsets(_ tile: Int, _ body: (UnsafePointer<Int32>) -> Void) {
    plan.offsets.withUnsafeBufferPointer { offsets in
      guard let base = offsets.baseAddress else { return }
      body(base + tile * plan.side * plan.side)
    }
  }
}
