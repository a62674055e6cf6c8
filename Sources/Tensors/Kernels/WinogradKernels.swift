import CKernels

/// Winograd's F(2×2, 3×3) of a convolution: each 2×2 of the response takes 16 products in place of 36, for the price of
/// transforms of all three slots (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks").
///
/// In 16 planes the trilinear form is a sum of 16 matrix products, Σ y · (x ⋆ w) = Σ X W Y over tiles, inputs and outputs, so
/// that the same tiles of rows by columns serve it as serve a plain convolution. The image slot is the response of the
/// turned kernel to the response.
final class WinogradPlan: Sendable {
  let form: ConvolutionForm
  let open: ConvolutionForm.Slot
  /// Rows and columns of 2×2 tiles of the response, or of the image that takes its place.
  let tileRows, tileColumns: Int
  /// Where the pixels of each tile lie in it, -1 beyond the edge.
  let offsets: [Int32]
  /// What is read: rows, columns and channels, and how many zeros come before them.
  let (height, width, inputs, top, left): (Int, Int, Int, Int, Int)
  /// Channels of the response.
  let outputs: Int

  private init(_ form: ConvolutionForm, open: ConvolutionForm.Slot) {
    (self.form, self.open) = (form, open)
    let isTurned = open == .image
    let (from, to) = isTurned ? (form.response, form.image) : (form.image, form.response)
    let padding = form.geometry.padding
    (height, width, inputs) = (from[1], from[2], from[3])
    (top, left) = isTurned ? (2 - padding.height, 2 - padding.width) : (padding.height, padding.width)
    (tileRows, tileColumns, outputs) = ((to[1] + 1) / 2, (to[2] + 1) / 2, to[3])
    var offsets: [Int32] = []
    for row in 0..<tileRows {
      for column in 0..<tileColumns {
        for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)].map({ (2 * row + $0.0, 2 * column + $0.1) }) {
          offsets.append(y < to[1] && x < to[2] ? Int32((y * to[2] + x) * to[3]) : -1)
        }
      }
    }
    self.offsets = offsets
  }

  var tiles: Int { tileRows * tileColumns }

  private static let plans = Cache<ConvolutionForm.OpenForm, WinogradPlan>()

  /// The plan for one image of this form, nil where the plain convolution is to be taken.
  static func plan(_ form: ConvolutionForm, open: ConvolutionForm.Slot, lanes: Int) -> WinogradPlan? {
    let (g, kernel, response) = (form.geometry, form.kernel.suffix(4).map(\.self), form.response)
    guard kernel[0] == 3, kernel[1] == 3, g.stride == .init(1), g.dilation == .init(1), g.groups == 1,
      max(g.padding.height, g.padding.width) <= 2, kernel[2] % lanes == 0, kernel[3] % lanes == 0,
      response[1] * response[2] >= smallest
    else { return nil }
    return plans.value(.init(form: form.ofOneImage, open: open)) { WinogradPlan($0.form, open: $0.open) }
  }

  /// Pixels of the response from which on it pays.
  private static let smallest = 16
}

/// A convolution by its plan, over the images of a batch.
struct WinogradWork<T: Scalar> {
  private let plan: WinogradPlan
  private let images: Int
  private let kernelPerImage: Bool
  private let adds: Bool
  private let tiles: metasal_tiles
  private let transforms: metasal_winograd
  /// Numbers in one of the planes that the source of an image becomes.
  private let planeSize: Int
  /// Channels of the kernel's own response.
  private let kernelOutputs: Int

  init(_ plan: WinogradPlan, images: Int, kernelPerImage: Bool, adds: Bool, _: T.Type) {
    (self.plan, self.images, self.kernelPerImage, self.adds) = (plan, images, kernelPerImage, adds)
    (tiles, transforms) = (Kernels.tiles(T.type), Kernels.winograd(T.type))
    planeSize = plan.tiles * plan.inputs
    kernelOutputs = plan.form.kernel[3]
  }

  private var sourceSize: Int { (plan.open == .image ? plan.form.response : plan.form.image).reduce(1, *) }
  private var targetSize: Int { (plan.open == .image ? plan.form.image : plan.form.response).reduce(1, *) }
  private var kernelSize: Int { 9 * plan.inputs * plan.outputs }
  private var panels: Int { (plan.outputs + tiles.width - 1) / tiles.width }

  /// The columns of a panel.
  private func columns(_ panel: Int) -> Range<Int> {
    (panel * tiles.width)..<min(plan.outputs, (panel + 1) * tiles.width)
  }

  /// Images that are worked out together: those that share a kernel, as many as leave the planes in the cache.
  private var groups: [Range<Int>] {
    kernelPerImage ? (0..<images).map { $0..<($0 + 1) } : evenParts(of: images, atMost: max(1, planesLimit / (16 * planeSize)))
  }
  private var planesLimit: Int { 1 << 20 }

  private func threads(_ items: Int) -> Int {
    images * plan.tiles * kernelSize < 1 << 19 ? 1 : min(items, Parallel.kernelThreads)
  }

  /// The sources of some images in planes, one image's tiles after another's.
  private func sourcePlanes(_ a: UnsafePointer<T>, _ group: Range<Int>) -> Planes {
    let planes = Planes(rows: group.count * plan.tiles, columns: plan.inputs)
    let items = group.count * plan.tileRows
    Parallel.split(items, threads: threads(items)) { range in
      for (index, image) in group.enumerated() {
        let first = index * plan.tileRows
        let own = range.clamped(to: first..<(first + plan.tileRows))
        guard !own.isEmpty else { continue }
        transforms.imageToPlanes(
          a + image * sourceSize, plan.height, plan.width, plan.inputs, plan.top, plan.left, own.lowerBound - first,
          own.count, plan.tileColumns, planes.pointer + own.lowerBound * plan.tileColumns * plan.inputs, planes.stride)
      }
    }
    return planes
  }

  /// The response to images `a`, or (turned) the images from responses `a`.
  func gather(_ a: UnsafePointer<T>, _ kernel: UnsafePointer<T>, into c: UnsafeMutablePointer<T>) {
    for group in groups {
      let planes = sourcePlanes(a, group)
      let kernel = kernelPerImage ? kernel + group.lowerBound * kernelSize : kernel
      let blocks = group.flatMap { image in
        stride(from: 0, to: plan.tiles, by: Self.blockTiles).map { (image, $0..<min(plan.tiles, $0 + Self.blockTiles)) }
      }
      let items = panels * blocks.count
      Parallel.split(items, threads: threads(items)) { range in
        let sums = Planes(rows: Self.blockTiles, columns: tiles.width)
        let panelPlanes = Planes(rows: plan.inputs, columns: tiles.width)
        let turned = Planes(rows: plan.inputs, columns: tiles.width)
        var current = -1
        for item in range {
          let (panel, (image, block)) = (item / blocks.count, blocks[item % blocks.count])
          let columns = columns(panel)
          if panel != current {
            kernelPlanes(kernel, columns, into: panelPlanes, turned)
            current = panel
          }
          let first = (image - group.lowerBound) * plan.tiles + block.lowerBound
          transforms.products(
            0, block.count, planes.pointer + first * plan.inputs, planes.stride, plan.inputs, plan.inputs,
            panelPlanes.pointer, panelPlanes.stride, sums.pointer, sums.stride, columns.count)
          plan.offsets.withUnsafeBufferPointer { offsets in
            guard let base = offsets.baseAddress else { return }
            transforms.fromPlanes(
              metasal_response, base + 4 * block.lowerBound, 4, 0, block.count, sums.pointer, sums.stride, c + image * targetSize + columns.lowerBound, columns.count, adds ? 1 : 0)
          }
        }
      }
    }
  }

  /// Tiles whose products are summed before they become pixels: their 16 planes stay in the first-level cache.
  private static var blockTiles: Int { 24 }

  /// Some columns of the kernel in planes.
  private func kernelPlanes(_ kernel: UnsafePointer<T>, _ columns: Range<Int>, into planes: Planes, _ turned: Planes) {
    let (inputs, count) = (plan.inputs, columns.count)
    if plan.open == .image {
      // Turned by half a circle, its two channels exchanged.
      for tap in 0..<9 {
        tiles.transposePanel(
          kernel + (tap * plan.outputs + columns.lowerBound) * kernelOutputs, kernelOutputs, inputs, count,
          turned.pointer + (8 - tap) * turned.stride, count)
      }
      let offsets = (0..<9).map { Int32($0 * turned.stride) }
      transforms.toPlanes(
        metasal_kernel, offsets, 0, count, inputs, turned.pointer, count, planes.pointer, planes.stride)
    } else {
      let offsets = (0..<9).map { Int32($0 * inputs * kernelOutputs) }
      transforms.toPlanes(
        metasal_kernel, offsets, 0, kernelOutputs, inputs, kernel + columns.lowerBound, count, planes.pointer,
        planes.stride)
    }
  }

  /// The kernel from images `a` and responses `b`.
  func outer(_ a: UnsafePointer<T>, _ b: UnsafePointer<T>, into c: UnsafeMutablePointer<T>) {
    let parts = evenParts(of: plan.inputs, atMost: tiles.rows)
    let offsets = (0..<9).map { Int32($0 * plan.inputs * plan.outputs) }
    for (number, group) in groups.enumerated() {
      let planes = sourcePlanes(a, group)
      let target = kernelPerImage ? c + group.lowerBound * kernelSize : c
      let rows = group.count * plan.tiles
      let items = panels * parts.count
      Parallel.split(items, threads: threads(items)) { range in
        let responses = Planes(rows: rows, columns: tiles.width)
        let sums = Planes(rows: plan.inputs, columns: tiles.width)
        for panel in (range.lowerBound / parts.count)...((range.upperBound - 1) / parts.count) {
          let columns = columns(panel)
          let own = range.clamped(to: (panel * parts.count)..<((panel + 1) * parts.count))
          let parts = parts[(own.lowerBound - panel * parts.count)..<(own.upperBound - panel * parts.count)]
          guard let first = parts.first, let last = parts.last else { continue }
          plan.offsets.withUnsafeBufferPointer { offsets in
            guard let base = offsets.baseAddress else { return }
            for (index, image) in group.enumerated() {
              transforms.toPlanes(
                metasal_response, base, 4, 0, plan.tiles, b + image * targetSize + columns.lowerBound, columns.count,
                responses.pointer + index * plan.tiles * columns.count, responses.stride)
            }
          }
          let (inputs, begin) = (last.upperBound - first.lowerBound, first.lowerBound)
          transforms.products(
            1, inputs, planes.pointer + begin, planes.stride, plan.inputs, rows, responses.pointer, responses.stride,
            sums.pointer, sums.stride, columns.count)
          transforms.fromPlanes(
            metasal_kernel, offsets, 0, plan.outputs, inputs, sums.pointer, sums.stride,
            target + begin * plan.outputs + columns.lowerBound, columns.count,
            adds || number > 0 && !kernelPerImage ? 1 : 0)
        }
      }
    }
  }

  /// 16 matrices for the time being.
  private struct Planes {
    private let storage: Storage
    /// From one to the next. A line of the cache longer than they are, so that their rows do not all fall on one place in it.
    let stride: Int
    var pointer: UnsafeMutablePointer<T> { storage.pointer.assumingMemoryBound(to: T.self) }

    init(rows: Int, columns: Int) {
      stride = rows * columns + 64 / T.type.size
      storage = Storage(bytes: 16 * stride * T.type.size)
    }
  }
}
