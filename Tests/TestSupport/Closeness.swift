import Tensors

/// The relative error ‖a − b‖ / ‖b‖ over all elements; ‖a‖ if b is zero.
public func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
  precondition(a.shape == b.shape, "relativeError: \(a.shape) against \(b.shape)")
  let (x, y) = (a.doubles, b.doubles)
  let difference = zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  let size = y.reduce(0) { $0 + $1 * $1 }.squareRoot()
  return size == 0 ? difference : difference / size
}
