/// Winograd's algorithm for convolutions with 3×3 kernels. Tiles of 2×2 or 4×4 of the response need 16 or 36 products
/// instead of 36 or 144, in exchange for transforms of all three slots (Lavin and Gray 2016, "Fast Algorithms for
/// Convolutional Neural Networks").
///
/// In 16 or 36 planes the trilinear form is a sum of matrix products, Σ y · (x ⋆ w) = Σ X W Y over tiles, inputs and
/// outputs. Each slot is transformed into planes by a linear map, and an open slot is computed from planes by the
/// adjoint of its map. The image slot is an exception, because its tiles overlap: an open image is computed as the
/// response of the rotated kernel to the response.
final class WinogradPlan: Sendable {
  let form: ConvolutionForm
  let open: ConvolutionForm.Slot
  /// The side of a tile, in pixels.
  let side: Int
  /// The number of rows and columns of tiles, of the response or of the image that takes its place.
  let tileRows, tileColumns: Int
  /// The offset of each pixel of each tile; -1 beyond the edge.
  let offsets: [Int32]
  /// The input: its rows, columns and channels, and the zeros before its first row and column.
  let (height, width, inputs, top, left): (Int, Int, Int, Int, Int)
  /// The number of the response's channels.
  let outputs: Int
  /// The offsets of a kernel's elements for one input and one output.
  let taps: [Int32]

  private init(_ form: ConvolutionForm, open: ConvolutionForm.Slot) {
    (self.form, self.open) = (form, open)
    let isTurned = open == .image
    let (from, to) = isTurned ? (form.response, form.image) : (form.image, form.response)
    let padding = form.geometry.padding
    (height, width, inputs) = (from[1], from[2], from[3])
    (top, left) = isTurned ? (2 - padding.height, 2 - padding.width) : (padding.height, padding.width)
    let side = to[1] * to[2] >= Self.largeTilesFrom ? 4 : 2
    let (tileRows, tileColumns) = ((to[1] + side - 1) / side, (to[2] + side - 1) / side)
    var offsets: [Int32] = []
    for row in 0..<tileRows {
      for column in 0..<tileColumns {
        for y in (row * side)..<((row + 1) * side) {
          for x in (column * side)..<((column + 1) * side) {
            offsets.append(y < to[1] && x < to[2] ? Int32((y * to[2] + x) * to[3]) : -1)
          }
        }
      }
    }
    (self.side, self.tileRows, self.tileColumns, self.offsets, outputs) = (side, tileRows, tileColumns, offsets, to[3])
    let (inputs, outputs) = (from[3], to[3])
    taps = (0..<9).map { Int32($0 * inputs * outputs) }
  }

  /// The number of planes.
  var planes: Int { (side + 2) * (side + 2) }

  private static let plans = Cache<ConvolutionForm.Key, WinogradPlan>()

  /// The plan for one image of this form. It is nil if the direct convolution is to be used: for other kernels, strides
  /// and groups, for numbers of channels that do not fill vectors, and for very small images.
  static func plan(_ form: ConvolutionForm, open: ConvolutionForm.Slot, lanes: Int) -> WinogradPlan? {
    let (g, kernel) = (form.geometry, form.kernel)
    let k = kernel.count - 4
    guard kernel[k] == 3, kernel[k + 1] == 3, g.stride == .init(1), g.dilation == .init(1), g.groups == 1,
      max(g.padding.height, g.padding.width) <= 2, kernel[k + 2] % lanes == 0, kernel[k + 3] % lanes == 0,
      pays(form)
    else { return nil }
    return plans.value(.init(form, open: open)) { WinogradPlan(form.ofOneImage, open: open) }
  }

  /// Whether there are enough pixels for the transforms of the kernel to pay off. A kernel that does not stay in the
  /// cache needs more pixels. For 7×7 pixels and 512 channels the direct convolution was measured to be 1.3 to 2.5
  /// times as fast.
  private static func pays(_ form: ConvolutionForm) -> Bool {
    let isLarge = form.kernel.suffix(4).reduce(1, *) >= largeKernel
    let pixels = (form.hasKernelPerImage ? 1 : form.image[0]) * form.response[1] * form.response[2]
    return pixels >= (isLarge ? smallTilesOfLargeKernelsFrom : smallTilesFrom)
  }

  /// The number of elements of a large kernel, and the smallest number of pixels for which its transforms pay off.
  private static let (largeKernel, smallTilesOfLargeKernelsFrom) = (1 << 18, 100)

  /// The numbers of the response's pixels from which on tiles of either size pay off. With few tiles the kernel's
  /// transforms cost more than is saved. With AVX2, the measured times relative to the direct convolution are, for 2×2
  /// and 4×4 tiles: 0.65 and 0.6 for 8×8 pixels and 64 channels (with no difference between them for the kernel slot),
  /// 0.43 and 0.37 for 14×14 pixels and 256 channels, 0.44 and 0.29 for 28×28 pixels and 128 channels, 0.53 and 0.34
  /// for 56×56 pixels and 64 channels.
  private static let (smallTilesFrom, largeTilesFrom) = (16, 144)
}
