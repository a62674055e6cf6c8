import MetasalKit

/// The left half of each image beside the right half of another one.
struct Halves: Mixing {
  let name = "halves"

  func mixed(
    _ images: Tensor, with others: Tensor, using random: inout RandomSource
  ) -> (images: Tensor, share: Double) {
    let (width, left) = (images.shape[2], images.shape[2] / 2)
    let mixed = Tensor.concatenated(
      [
        images.sliced(axis: 2, from: 0, length: left), others.sliced(axis: 2, from: left, length: width - left),
      ], axis: 2)
    return (mixed, Double(left) / Double(width))
  }
}
