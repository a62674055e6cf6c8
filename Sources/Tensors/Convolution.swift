/// The geometry of a two-dimensional convolution (cross-correlation, as networks use it).
public struct ConvolutionGeometry: Sendable, Hashable {
  /// A number for rows and a number for columns.
  public struct Pair: Sendable, Hashable {
    /// The number for rows and the number for columns.
    public var height, width: Int
    /// Creates a pair of two numbers.
    public init(_ height: Int, _ width: Int) { (self.height, self.width) = (height, width) }
    /// Creates a pair of equal numbers.
    public init(_ both: Int) { self.init(both, both) }
  }

  /// The distance between neighbouring windows, in pixels.
  public var stride: Pair
  /// The number of zeros added on each side.
  public var padding: Pair
  /// The distance between neighbouring kernel elements, in pixels; 1 for a dense kernel.
  public var dilation: Pair
  /// The number of groups of channels; the outputs of a group depend only on the inputs of the same group.
  public var groups: Int

  /// Creates a geometry; by default with stride 1 and without padding, dilation and groups.
  public init(stride: Pair = Pair(1), padding: Pair = Pair(0), dilation: Pair = Pair(1), groups: Int = 1) {
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }
}

/// The trilinear form T(x, w, y) = Σ y · (x ⋆ w) of an image x [N, H, W, C], a kernel w [KH, KW, C/groups, O] (or [N,
/// KH, KW, C/groups, O], one per image) and a response y [N, H', W', O].
///
/// With one of the three slots left open, the form is the convolution or one of its two adjoints. The derivative of any
/// of them with respect to an operand leaves another slot open. A single rule, below, is therefore the derivative of
/// all three, to any order.
struct ConvolutionForm: Sendable {
  enum Slot: Int, Sendable { case image, kernel, response }

  let geometry: ConvolutionGeometry
  let image, kernel, response: [Int]
  /// Whether the products are summed directly, without Winograd's transforms. A sum of zeros is then exactly zero,
  /// which the transforms do not guarantee.
  var isPlain = false

  var hasKernelPerImage: Bool { kernel.count == 5 }

  /// The number of multiplications for any of the three slots, including those with the padding.
  var products: Int { response.dropLast().reduce(1, *) * kernel.suffix(4).reduce(1, *) }

  /// The form for a single image.
  var ofOneImage: ConvolutionForm {
    ConvolutionForm(
      geometry: geometry, image: [1] + image.dropFirst(), kernel: kernel.suffix(4), response: [1] + response.dropFirst()
    )
  }

  /// The form with direct summation.
  private var plain: ConvolutionForm {
    var form = self
    form.isPlain = true
    return form
  }

  /// A key that identifies the form of one image with its open slot. It is small, because it is compared at every
  /// convolution.
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

  /// Computes the open slot. `operands` are the tensors in the other two slots, in the order image, kernel, response.
  /// If nothing is recorded, the result is added to `sum`, if there is one.
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
        // Direct summation is needed here: where the response is exactly zero no signal may be passed on, but a
        // response of rounding errors would pass on much.
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
          // The cotangent takes the slot that was open, and operand i's own slot opens.
          let other = saved[1 - i]
          let others = open.rawValue < filled[1 - i].rawValue ? [g, other] : [other, g]
          return contract(open: filled[i], others, onto: sum)
        }
      }
    }
  }
}

extension Tensor {
  /// The convolution of this image [N, H, W, C] with `kernel` [KH, KW, C/groups, O], or with one kernel per image, [N,
  /// KH, KW, C/groups, O]. The result is [N, H', W', O].
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
