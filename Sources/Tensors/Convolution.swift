/// The geometry of a two-dimensional convolution (cross-correlation, as networks use it).
public struct ConvolutionGeometry: Sendable, Hashable {
  /// Rows and columns.
  public struct Pair: Sendable, Hashable {
    /// The number for rows, and the one for columns.
    public var height, width: Int
    /// Different ones for rows and columns.
    public init(_ height: Int, _ width: Int) { (self.height, self.width) = (height, width) }
    /// The same for both.
    public init(_ both: Int) { self.init(both, both) }
  }

  /// Pixels between neighbouring windows.
  public var stride: Pair
  /// Zeros added on each side.
  public var padding: Pair
  /// Pixels between neighbouring kernel elements; 1 for none left out.
  public var dilation: Pair
  /// Channels fall into this many groups that don't see each other.
  public var groups: Int

  /// A plain convolution unless told otherwise.
  public init(stride: Pair = Pair(1), padding: Pair = Pair(0), dilation: Pair = Pair(1), groups: Int = 1) {
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }
}

/// The trilinear form T(x, w, y) = Σ y · (x ⋆ w) of image x [N, H, W, C], kernel w [KH, KW, C/groups, O] (or
/// [N, KH, KW, C/groups, O], one per image) and response y [N, H', W', O].
///
/// Leaving one of the three open gives the convolution or one of its two adjoints, and the derivative of any of them
/// with respect to an operand leaves another one open. So one rule, below, is the derivative of all three, to any order.
struct ConvolutionForm: Sendable {
  enum Slot: Int, Sendable { case image, kernel, response }

  let geometry: ConvolutionGeometry
  let image, kernel, response: [Int]
  /// Whether it is summed term by term, so that a sum of zeros is zero, which Winograd's transforms leave to rounding.
  var isPlain = false

  var hasKernelPerImage: Bool { kernel.count == 5 }

  /// Multiplications of any of the three slots, those with the padding included.
  var products: Int { response.dropLast().reduce(1, *) * kernel.suffix(4).reduce(1, *) }

  /// The same geometry for a single image.
  var ofOneImage: ConvolutionForm {
    ConvolutionForm(
      geometry: geometry, image: [1] + image.dropFirst(), kernel: kernel.suffix(4), response: [1] + response.dropFirst()
    )
  }

  /// The same, summed term by term.
  private var plain: ConvolutionForm {
    var form = self
    form.isPlain = true
    return form
  }

  /// What tells the form of one image, with a slot open, from others. Compared at every convolution, so that it is small.
  struct Key: Hashable {
    private let geometry: ConvolutionGeometry
    private let sizes: SIMD8<Int>
    private let open: Slot

    init(_ form: ConvolutionForm, open: Slot) {
      let (x, w) = (form.image, form.kernel.count - 4)
      geometry = form.geometry
      sizes = [
        x[1], x[2], x[3], form.kernel[w], form.kernel[w + 1], form.kernel[w + 2], form.kernel[w + 3], 0,
      ]
      self.open = open
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(sizes[0] << 40 ^ sizes[2] << 20 ^ sizes[6])
      hasher.combine(sizes[3] << 20 ^ geometry.stride.height << 10 ^ open.rawValue)
    }
  }

  func shape(of slot: Slot) -> [Int] {
    switch slot {
    case .image: image
    case .kernel: kernel
    case .response: response
    }
  }

  /// The value of the open slot. `operands` are the tensors in the other two, in the order image, kernel, response. Where
  /// nothing is recorded, the value is added to `sum` if there is one.
  func contract(open: Slot, _ operands: [Tensor], onto sum: PartialSum? = nil) -> Tensor {
    let filled = [Slot.image, .kernel, .response].filter { $0 != open }
    for (slot, tensor) in zip(filled, operands) {
      precondition(
        tensor.shape == shape(of: slot), "convolution: \(slot) \(tensor.shape) where \(shape(of: slot)) is expected")
    }
    precondition(operands[0].scalarType == operands[1].scalarType, "convolution: mixed scalar types")
    let name: StaticString =
      switch open {
      case .response: "convolution"
      case .image: "convolutionImage"
      case .kernel: "convolutionKernel"
      }
    return Tensor.operation(
      name, operands, keep: .operands, arithmetic: 2 * products,
      value: Kernels.convolve(self, open: open, operands[0], operands[1], onto: sum, plainly: isPlain)
    ) { g, saved in
      if open == .response && saved.rule == .excitation {
        // A response of nothing hands nothing down, and one of rounding would hand down much.
        let plain = plain
        return [
          saved.ifNeeded(0) {
            Tensor.excitation(
              g, from: saved[0], through: saved[1], response: { plain.contract(open: .response, [$0, $1]) },
              adjoint: { plain.contract(open: .image, [$0, $1]) })
          }, nil,
        ]
      }
      return [0, 1].map { i in
        saved.ifNeeded(i) { sum in
          // The cotangent takes the place of the slot that was open, and operand i's own slot opens.
          let other = saved[1 - i]
          let others = open.rawValue < filled[1 - i].rawValue ? [g, other] : [other, g]
          return contract(open: filled[i], others, onto: sum)
        }
      }
    }
  }
}

extension Tensor {
  /// The convolution of this image [N, H, W, C] with `kernel` [KH, KW, C/groups, O], or with one kernel per image
  /// [N, KH, KW, C/groups, O]: [N, H', W', O].
  public func convolved(with kernel: Tensor, _ geometry: ConvolutionGeometry = .init()) -> Tensor {
    let k = Array(kernel.shape.suffix(4))
    precondition(
      rank == 4 && (kernel.rank == 4 || kernel.rank == 5 && kernel.shape[0] == shape[0])
        && k[2] * geometry.groups == shape[3]
        && k[3] % geometry.groups == 0,
      "convolved: the kernel \(kernel.shape) with \(geometry.groups) groups does not fit the image \(shape)")
    func size(_ input: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
      (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
    }
    let height = size(shape[1], k[0], geometry.stride.height, geometry.padding.height, geometry.dilation.height)
    let width = size(shape[2], k[1], geometry.stride.width, geometry.padding.width, geometry.dilation.width)
    precondition(height > 0 && width > 0, "convolved: the kernel \(kernel.shape) is larger than the image \(shape)")
    let form = ConvolutionForm(
      geometry: geometry, image: shape, kernel: kernel.shape, response: [shape[0], height, width, k[3]])
    return form.contract(open: .response, [self, kernel])
  }
}
