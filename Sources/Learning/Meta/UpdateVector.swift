import Tensors

/// A vector over the parameters of one update, or of several updates that are independent of each other and have a scalar
/// product each.
struct UpdateVector: Sendable {
  /// A tensor per parameter.
  var tensors: [Tensor]
  /// The number of updates, which is the size of each tensor's first axis; nil for one update without such an axis.
  let updates: Int?

  /// The scalar product with another vector, for each update.
  func dot(_ other: UpdateVector) -> [Double] {
    Profile.phase(.outer) {
      zip(tensors, other.tensors).reduce(into: [Double](repeating: 0, count: updates ?? 1)) { sums, pair in
        let products = (pair.0 * pair.1).reshaped([updates ?? 1, -1]).sum([1]).doubles
        for (index, product) in products.enumerated() { sums[index] += product }
      }
    }
  }

  /// The vector with a factor for each update.
  static func * (vector: UpdateVector, factors: [Double]) -> UpdateVector {
    var vector = vector
    vector.tensors = Profile.phase(.outer) {
      vector.tensors.map { tensor in
        guard vector.updates != nil else { return tensor * factors[0] }
        let shape = [factors.count] + [Int](repeating: 1, count: tensor.rank - 1)
        return tensor * Tensor(factors, shape: shape).converted(to: tensor.scalarType)
      }
    }
    return vector
  }

  /// The sum of two vectors.
  static func + (a: UpdateVector, b: UpdateVector) -> UpdateVector {
    UpdateVector(tensors: Profile.phase(.outer) { zip(a.tensors, b.tensors).map { $0 + $1 } }, updates: a.updates)
  }

  /// Solves A x = b by conjugate gradients, for each update by itself.
  ///
  /// An update's iteration ends at a direction of negative curvature, since A need not be positive definite away from the
  /// minimum; if that is the first direction, x is b.
  ///
  /// - Parameters:
  ///   - steps: the number of iterations.
  ///   - product: A times a vector.
  /// - Returns: x.
  func solved(steps: Int, _ product: (UpdateVector) throws -> UpdateVector) rethrows -> UpdateVector {
    var (x, residual, direction) = (self * zeros, self, self)
    var norms = residual.dot(residual)
    var isEnded = norms.map { $0 == 0 }
    for step in 0..<steps where isEnded.contains(false) {
      let image = try product(direction)
      let curvatures = direction.dot(image)
      var lengths = zeros
      for index in lengths.indices where !isEnded[index] {
        if curvatures[index] > 0 {
          lengths[index] = norms[index] / curvatures[index]
        } else {
          isEnded[index] = true
          lengths[index] = step == 0 ? 1 : 0
        }
      }
      x = x + direction * lengths
      residual = residual + image * lengths.map { -$0 }
      let next = residual.dot(residual)
      for index in next.indices where next[index] == 0 { isEnded[index] = true }
      direction =
        residual + direction * zip(next, zip(norms, isEnded)).map { $1.1 ? 0 : $0 / $1.0 }
      norms = next
    }
    return x
  }

  private var zeros: [Double] { [Double](repeating: 0, count: updates ?? 1) }
}
