/// Winograd's convolution with 3×3 kernels: tiles of 2×2 or 4×4 of the response take 16 or 36 products in place of 36 or 144,
/// for the price of transforms of all three slots (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks").
///
/// In 16 or 36 planes the trilinear form is a sum of as many matrix products, Σ y · (x ⋆ w) = Σ X W Y over tiles, inputs and
/// outputs, and each of its slots comes out of the planes by the adjoint of what takes it in. Only the image slot takes
/// another way, in which tiles do not overlap: it is the response of the turned kernel to the response.
final class WinogradPlan: Sendable {
  let form: ConvolutionForm
  let open: ConvolutionForm.Slot
  /// Rows and columns of a tile.
  let side: Int
  /// Rows and columns of tiles of the response, or of the image that takes its place.
  let tileRows, tileColumns: Int
  /// Where the pixels of each tile lie in it, -1 beyond the edge.
  let offsets: [Int32]
  /// What is read: rows, columns and channels, and how many zeros come before them.
  let (height, width, inputs, top, left): (Int, Int, Int, Int, Int)
  /// Channels of the response.
  let outputs: Int
  /// Where a kernel's elements lie for one input and one output.
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

  /// Planes that each slot becomes.
  var planes: Int { (side + 2) * (side + 2) }

  private static let plans = Cache<ConvolutionForm.Key, WinogradPlan>()

  /// The plan for one image of this form, nil where the plain convolution is to be taken: for other kernels, strides and
  /// groups, channels that do not fill vectors, and very small images.
  static func plan(_ form: ConvolutionForm, open: ConvolutionForm.Slot, lanes: Int) -> WinogradPlan? {
    let (g, kernel) = (form.geometry, form.kernel)
    let k = kernel.count - 4
    guard kernel[k] == 3, kernel[k + 1] == 3, g.stride == .init(1), g.dilation == .init(1), g.groups == 1,
      max(g.padding.height, g.padding.width) <= 2, kernel[k + 2] % lanes == 0, kernel[k + 3] % lanes == 0,
      pays(form)
    else { return nil }
    return plans.value(.init(form, open: open)) { WinogradPlan(form.ofOneImage, open: open) }
  }

  /// Whether a kernel meets so many pixels that its transforms pay: more of them where it comes from memory, in planes that
  /// do not stay in the cache either. At 7×7 and 512 channels, measured, the plain convolution is 1.3 to 2.5 times as fast.
  private static func pays(_ form: ConvolutionForm) -> Bool {
    let isLarge = form.kernel.suffix(4).reduce(1, *) >= largeKernel
    let pixels = (form.hasKernelPerImage ? 1 : form.image[0]) * form.response[1] * form.response[2]
    return pixels >= (isLarge ? smallTilesOfLargeKernelsFrom : smallTilesFrom)
  }

  /// Numbers of a large kernel, and the pixels it must meet.
  private static let (largeKernel, smallTilesOfLargeKernelsFrom) = (1 << 18, 100)

  /// Pixels of the response from which on tiles of either size pay. With few tiles the kernel's transforms weigh more than what
  /// is saved. Measured with AVX2, as parts of the plain convolution's time, 2×2 tiles before 4×4: at 8×8 and 64 channels 0.65
  /// and 0.6, for the kernel slot no gain of the one over the other; at 14×14 and 256 channels 0.43 and 0.37; at 28×28 and
  /// 128 channels 0.44 and 0.29; at 56×56 and 64 channels 0.53 and 0.34.
  private static let (smallTilesFrom, largeTilesFrom) = (16, 144)
}
