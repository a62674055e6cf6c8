import Networks
import Tensors

/// The windows of a convolution over an image: sums and maxima over each window, without unfolding the image.
struct Windows {
  /// The image, [N, H, W, C].
  let values: Tensor
  private let height, width: Int
  private let geometry: ConvolutionGeometry

  /// Creates square windows around each location, with zeros outside the image.
  init(_ values: Tensor, size: Int) {
    precondition(size % 2 == 1, "Windows: a window of even size \(size) has no centre")
    (self.values, height, width) = (values, size, size)
    geometry = ConvolutionGeometry(padding: .init(size / 2))
  }

  /// Creates the windows of a network's convolution, or of one of its groups.
  init(_ values: Tensor, of convolution: CapturedConvolution) {
    (self.values, height, width) = (values, convolution.height, convolution.width)
    var geometry = convolution.geometry
    geometry.groups = 1
    self.geometry = geometry
  }

  /// Whether each window is a single location.
  var isTrivial: Bool {
    height == 1 && width == 1 && geometry.stride == .init(1) && geometry.padding == .init(0)
  }

  /// Sums over windows for each channel of `values`, which are derived from the image: from [N, H, W, K] to [N, H', W',
  /// K].
  func sums(_ values: Tensor) -> Tensor {
    if isTrivial { return values }
    var geometry = geometry
    geometry.groups = values.shape[3]
    return values.convolved(with: .ones([height, width, 1, values.shape[3]], values.scalarType), geometry)
  }

  /// Maxima over windows for each channel; zeros in the padding count, as they do in a term.
  func maxima(_ values: Tensor) -> Tensor {
    if isTrivial { return values }
    let padding = geometry.padding
    let padded = values.padded(axis: 1, before: padding.height, after: padding.height)
      .padded(axis: 2, before: padding.width, after: padding.width)
    let rows = (padded.shape[1] - geometry.dilation.height * (height - 1) - 1) / geometry.stride.height + 1
    let columns = (padded.shape[2] - geometry.dilation.width * (width - 1) - 1) / geometry.stride.width + 1
    // One slice for each element of the window, with the convolution's stride.
    let slices = (0..<(height * width)).map { element in
      padded.sliced(
        axis: 1, from: element / width * geometry.dilation.height, length: rows, step: geometry.stride.height
      )
      .sliced(axis: 2, from: element % width * geometry.dilation.width, length: columns, step: geometry.stride.width)
    }
    let stacked = Tensor.concatenated(slices.map { $0.reshaped($0.shape + [1]) }, axis: 4)
    return stacked.maximum()
  }
}
