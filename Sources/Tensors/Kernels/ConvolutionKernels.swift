import CKernels

extension Kernels {
  /// The open slot of the trilinear form.
  ///
  /// Measured against oneDNN on NHWC images, which these networks need: the tiles alone reach 70 to 100 % of an idle core's
  /// peak for 3×3 kernels on images of 7 to 224 pixels, where oneDNN has 45 to 50 %; and it must reorder every kernel that
  /// an inner update has just made.
  ///
  /// Winograd's way is for float32 alone: float64 is what exactness is asked of, and there a sum of zeros has to be zero. In
  /// transforms it is something like 1e-16, which opens a ReLU that should be shut, and which ranks see as well as signal. If
  /// `plainly`, it is left out where it could be taken.
  static func convolve(
    _ form: ConvolutionForm, open: ConvolutionForm.Slot, _ a: Tensor, _ b: Tensor, onto partial: PartialSum? = nil,
    plainly: Bool = false
  ) -> Tensor {
    let tiles = tiles(a.scalarType)
    let winograd = plainly || a.scalarType == .float64 ? nil : WinogradPlan.plan(form, open: open, lanes: tiles.lanes)
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
