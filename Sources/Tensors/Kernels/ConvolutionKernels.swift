extension Kernels {
  /// The open slot of the trilinear form: oneDNN for float32, matrix products over unfolded images for float64.
  static func convolve(_ form: ConvolutionForm, open: ConvolutionForm.Slot, _ a: Tensor, _ b: Tensor) -> Tensor {
    guard form.hasKernelPerImage else {
      return a.scalarType == .float32 ? OneDNN.convolve(form, open: open, a, b) : unfolded(form, open: open, a, b)
    }
    // One kernel per image: as many convolutions of single images.
    let single = ConvolutionForm(
      geometry: form.geometry, image: [1] + form.image.dropFirst(), kernel: Array(form.kernel.dropFirst()),
      response: [1] + form.response.dropFirst())
    func item(_ x: Tensor, _ index: Int, _ slot: ConvolutionForm.Slot) -> Tensor {
      let shape = Array(x.shape.dropFirst())
      return copy(
        x, sizes: shape, from: index * shape.reduce(1, *), strides: contiguousStrides(shape), into: shape, at: 0,
        strides: contiguousStrides(shape)
      ).withShape(single.shape(of: slot))
    }
    let filled = [ConvolutionForm.Slot.image, .kernel, .response].filter { $0 != open }
    let parts = (0..<form.image[0]).map { index in
      convolve(single, open: open, item(a, index, filled[0]), item(b, index, filled[1]))
        .withShape([1] + form.shape(of: open).dropFirst())
    }
    return concatenate(parts, axis: 0, shape: form.shape(of: open))
  }

  /// Unfolds each image into a matrix [H'·W', KH·KW·C/groups] per group, so that each slot is a matrix product.
  private static func unfolded(
    _ form: ConvolutionForm, open: ConvolutionForm.Slot, _ a: Tensor, _ b: Tensor
  ) -> Tensor {
    func run<T: Scalar>(_: T.Type) -> Tensor {
      let columns = Unfolding(form)
      let (p, q) = (a.pointer() as UnsafePointer<T>, b.pointer() as UnsafePointer<T>)
      let groups = form.geometry.groups
      let outputs = form.response[3]
      let (m, k, n) = (columns.rows, columns.matrixWidth, outputs / groups)
      let imageSize = form.image.dropFirst().reduce(1, *)
      let responseSize = form.response.dropFirst().reduce(1, *)
      let matrix = Storage(bytes: m * k * T.type.size)
      let unfolded = matrix.pointer.assumingMemoryBound(to: T.self)
      return make(form.shape(of: open), T.self) { out in
        if open != .response { out.update(repeating: 0, count: form.shape(of: open).reduce(1, *)) }
        for image in 0..<form.image[0] {
          for group in 0..<groups {
            let slice = group * n
            switch open {
            case .response:
              columns.unfold(p + image * imageSize, group, into: unfolded)
              let y = out + image * responseSize + slice
              multiply(m, n, k, unfolded, k, false, q + slice, outputs, false, into: y, outputs)
            case .image:
              let y = q + image * responseSize + slice
              multiply(m, k, n, y, outputs, false, p + slice, outputs, true, into: unfolded, k)
              columns.fold(unfolded, group, addingTo: out + image * imageSize)
            case .kernel:
              columns.unfold(p + image * imageSize, group, into: unfolded)
              let y = q + image * responseSize + slice
              multiply(k, n, m, unfolded, k, true, y, outputs, false, into: out + slice, outputs, adding: true)
            }
          }
        }
      }
    }
    return a.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }
}

/// An image's windows laid out as the rows of a matrix, and back.
private struct Unfolding {
  let geometry: ConvolutionGeometry
  let height, width, channels, kernelHeight, kernelWidth, outHeight, outWidth: Int
  let groupChannels: Int

  init(_ form: ConvolutionForm) {
    geometry = form.geometry
    (height, width, channels) = (form.image[1], form.image[2], form.image[3])
    (kernelHeight, kernelWidth, groupChannels) = (form.kernel[0], form.kernel[1], form.kernel[2])
    (outHeight, outWidth) = (form.response[1], form.response[2])
  }

  var rows: Int { outHeight * outWidth }
  var matrixWidth: Int { kernelHeight * kernelWidth * groupChannels }

  /// Calls `body` for every run of one group's channels: its place in the matrix and in the image (nil in the padding).
  @inline(__always)
  private func forEachRun(_ group: Int, _ body: (_ matrix: Int, _ image: Int?) -> Void) {
    var place = 0
    for y in 0..<outHeight {
      for x in 0..<outWidth {
        for i in 0..<kernelHeight {
          let row = y * geometry.stride.height - geometry.padding.height + i * geometry.dilation.height
          for j in 0..<kernelWidth {
            let column = x * geometry.stride.width - geometry.padding.width + j * geometry.dilation.width
            let inside = row >= 0 && row < height && column >= 0 && column < width
            body(place, inside ? (row * width + column) * channels + group * groupChannels : nil)
            place += groupChannels
          }
        }
      }
    }
  }

  func unfold<T>(_ image: UnsafePointer<T>, _ group: Int, into matrix: UnsafeMutablePointer<T>) where T: Scalar {
    forEachRun(group) { place, source in
      if let source {
        (matrix + place).update(from: image + source, count: groupChannels)
      } else {
        (matrix + place).update(repeating: 0, count: groupChannels)
      }
    }
  }

  func fold<T>(_ matrix: UnsafePointer<T>, _ group: Int, addingTo image: UnsafeMutablePointer<T>) where T: Scalar {
    forEachRun(group) { place, target in
      guard let target else { return }
      for c in 0..<groupChannels { image[target + c] += matrix[place + c] }
    }
  }
}
