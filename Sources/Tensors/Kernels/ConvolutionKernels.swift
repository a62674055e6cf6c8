import CKernels

extension Kernels {
  /// Computes the open slot of the trilinear form.
  ///
  /// In measurements against oneDNN on NHWC images, which these networks need, the tiles alone reached 70 to 100 % of
  /// an idle core's peak for 3×3 kernels on images of 7 to 224 pixels. oneDNN reached 45 to 50 %, and it must reorder
  /// each kernel after an inner update.
  ///
  /// Winograd's algorithm is used only for float32. float64 is used where exactness matters, and there a sum of zeros
  /// must be zero. With the transforms it is about 1e-16, which can open a ReLU that should be closed, and which
  /// changes ranks. `plainly` turns Winograd's algorithm off for float32 too.
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
      // A kernel that all images share is checked once, whatever its shape.
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
