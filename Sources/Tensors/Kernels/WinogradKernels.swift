import CKernels

/// The execution of a ``WinogradPlan`` over the images of a batch.
struct WinogradWork<T: Scalar> {
  private let plan: WinogradPlan
  private let images: Int
  private let kernelPerImage: Bool
  /// Whether results are added to the existing values.
  private let adds: Bool
  private let tiles: metasal_tiles
  private let transforms: metasal_winograd
  /// The side of a tile, in pixels.
  private let side: Int32
  /// The number of elements in one image, kernel and response. The first and the last are exchanged if the image is the
  /// open slot.
  private let sourceSize, kernelSize, targetSize: Int

  init(_ plan: WinogradPlan, images: Int, kernelPerImage: Bool, adds: Bool, _: T.Type) {
    (self.plan, self.images, self.kernelPerImage, self.adds) = (plan, images, kernelPerImage, adds)
    (tiles, transforms) = (Kernels.tiles(T.type), Kernels.winograd(T.type))
    side = Int32(plan.side)
    let (image, response) = (plan.form.image.reduce(1, *), plan.form.response.reduce(1, *))
    (sourceSize, targetSize) = plan.open == .image ? (response, image) : (image, response)
    kernelSize = plan.form.kernel.reduce(1, *)
  }

  /// Computes the responses from images `a` or, if the image is the open slot, the images from responses `a`.
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

  /// Computes the kernel from images `a` and responses `b`.
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
      // Threads divide the kernel's rows and not the images, so that the order of every sum stays the same.
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

  /// Ranges of rows of tiles, numbered through all images, that are computed together. The rows of a range share a
  /// kernel, and their planes fit the cache.
  private var strips: [Range<Int>] {
    let limit = max(1, Self.stripSize / (plan.planes * plan.tileColumns * plan.inputs))
    guard kernelPerImage else { return evenParts(of: images * plan.tileRows, atMost: limit) }
    return (0..<images).flatMap { image in
      evenParts(of: plan.tileRows, atMost: limit).map {
        (image * plan.tileRows + $0.lowerBound)..<(image * plan.tileRows + $0.upperBound)
      }
    }
  }

  /// The number of elements in a strip's planes; 2 MiB in float32.
  private static var stripSize: Int { 1 << 19 }

  /// Calls `body` for each image of a strip with its rows of tiles and the position of the first of them in the strip.
  private func forEachImage(of strip: Range<Int>, _ body: (_ image: Int, _ rows: Range<Int>, _ place: Int) -> Void) {
    for (image, rows) in strip.grouped(by: plan.tileRows) {
      body(image, rows, image * plan.tileRows + rows.lowerBound - strip.lowerBound)
    }
  }

  /// Some tiles of one image; `first` is the position of the first tile in the strip.
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

  /// The number of tiles whose products are summed before they are transformed to pixels. It is a multiple of the
  /// number of rows of every processor's tiles.
  private static var blockTiles: Int { 24 }

  private var panels: Int { (plan.outputs + tiles.width - 1) / tiles.width }

  /// The columns of a panel.
  private func columns(_ panel: Int) -> Range<Int> {
    (panel * tiles.width)..<min(plan.outputs, (panel + 1) * tiles.width)
  }

  /// The number of threads that share the work.
  private func threads(_ items: Int) -> Int {
    images * plan.form.ofOneImage.products < 1 << 21 ? 1 : min(items, Parallel.kernelThreads)
  }

  // MARK: - Planes

  /// Temporary matrices, one for each plane.
  private struct Planes {
    let storage: Storage
    /// The distance from one plane to the next.
    let stride: Int
    var pointer: UnsafeMutablePointer<T> { storage.pointer.assumingMemoryBound(to: T.self) }
  }

  /// Allocates planes. They are separated by one cache line, so that the same row of different planes does not collide
  /// in the cache.
  private func planes(rows: Int, columns: Int) -> Planes {
    let stride = rows * columns + 64 / T.type.size
    return Planes(storage: Storage(bytes: plan.planes * stride * T.type.size), stride: stride)
  }

  /// Transforms the input of some rows of tiles into planes.
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

  /// Calls `body` for each of some consecutive panels, after the kernel's part for it has been transformed into
  /// `planes`.
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
          // The kernel is rotated by 180°, and its two channel axes are exchanged.
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

  /// The size in bytes from which on a kernel is assumed not to be in the cache. Several of its panels are then packed
  /// together first.
  private static var packedFrom: Int { 1 << 18 }
  private static var panelsTogether: Int { 2 }

  /// One of `parts` equal parts of the next image's kernel. It is prefetched into the cache during the work on the
  /// current one. It is empty if there is no next kernel, or if it is so large that it would displace the current data.
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
