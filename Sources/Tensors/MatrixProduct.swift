extension Tensor {
  /// Computes the matrix product `op(A) · op(B)`, where `op` optionally transposes the last two axes.
  ///
  /// Shapes [M, K] and [K, N] (after `op`) give [M, N]; with an equal leading axis, [B, M, K] and [B, K, N] give [B, M,
  /// N]. The derivatives are products of the same form.
  public static func product(
    _ a: Tensor, transposed transposeA: Bool = false, _ b: Tensor, transposed transposeB: Bool = false
  ) -> Tensor { product(a, transposeA, b, transposeB, onto: nil) }

  private static func product(
    _ a: Tensor, _ transposeA: Bool, _ b: Tensor, _ transposeB: Bool, onto sum: PartialSum?
  ) -> Tensor {
    let rank = a.rank
    precondition(
      (rank == 2 || rank == 3) && b.rank == rank && a.scalarType == b.scalarType
        && (rank == 2 || a.shape[0] == b.shape[0]),
      "product: the shapes \(a.shape) and \(b.shape) don't fit")
    let (m, k) = transposeA ? (a.shape[rank - 1], a.shape[rank - 2]) : (a.shape[rank - 2], a.shape[rank - 1])
    let (l, n) = transposeB ? (b.shape[rank - 1], b.shape[rank - 2]) : (b.shape[rank - 2], b.shape[rank - 1])
    precondition(k == l, "product: \(a.shape)\(transposeA ? "ᵀ" : "") times \(b.shape)\(transposeB ? "ᵀ" : "")")
    return operation(
      "product", [a, b], keep: .operands, arithmetic: 2 * m * n * k * (rank == 3 ? a.shape[0] : 1),
      value: Kernels.multiply(
        a, transposed: transposeA, b, transposed: transposeB, batch: rank == 3 ? a.shape[0] : 1, m: m, n: n, k: k,
        shape: a.shape.dropLast(2) + [m, n], onto: sum)
    ) { g, saved in
      let (a, b) = (saved[0], saved[1])
      if saved.rule == .excitation {
        return [
          saved.ifNeeded(0) {
            Tensor.excitation(
              g, from: a, through: b, response: { product($0, transposeA, $1, transposeB, onto: nil) },
              adjoint: {
                transposeA
                  ? product($0, transposeB, $1, true, onto: nil) : product($1, false, $0, !transposeB, onto: nil)
              })
          }, nil,
        ]
      }
      return [
        saved.ifNeeded(0) { sum in
          transposeA
            ? product(b, transposeB, g, true, onto: sum) : product(g, false, b, !transposeB, onto: sum)
        },
        saved.ifNeeded(1) { sum in
          transposeB
            ? product(g, true, a, transposeA, onto: sum) : product(a, !transposeA, g, false, onto: sum)
        },
      ]
    }
  }
}
