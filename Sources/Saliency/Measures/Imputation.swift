import Tensors

/// Noisy linear imputation (Rong et al. 2022), which fills in removed pixels from their neighbours, for ``Road``.
enum Imputation {
  /// Fills in removed pixels by solving a linear system: each removed pixel is the weighted mean of its neighbours,
  /// with weights 1/6 for direct neighbours and 1/12 for diagonal ones. At the image's border the weights of the
  /// existing neighbours are divided by their sum.
  static func imputed(_ image: Tensor, _ removed: Set<Int>, noise: Double) -> Tensor {
    let (height, width, colors) = (image.shape[1], image.shape[2], image.shape[3])
    let neighbours = [
      (-1, 0, 2.0), (1, 0, 2), (0, -1, 2), (0, 1, 2), (-1, -1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, 1),
    ]
    let unknowns = removed.sorted()
    var position = [Int](repeating: -1, count: height * width)
    for (k, pixel) in unknowns.enumerated() { position[pixel] = k }
    // The rows Σ w (x − neighbour) = 0 of a symmetric system, with known neighbours on the right-hand side.
    var links: [[(index: Int, weight: Double)]] = []
    var diagonal: [Double] = []
    var pixels = image.doubles
    var right = [[Double]](repeating: [], count: colors)
    for pixel in unknowns {
      var (row, total, known) = ([(index: Int, weight: Double)](), 0.0, [Double](repeating: 0, count: colors))
      for (dy, dx, weight) in neighbours {
        let (y, x) = (pixel / width + dy, pixel % width + dx)
        guard (0..<height).contains(y), (0..<width).contains(x) else { continue }
        total += weight
        let other = y * width + x
        if position[other] >= 0 {
          row.append((position[other], weight))
        } else {
          for c in 0..<colors { known[c] += weight * pixels[other * colors + c] }
        }
      }
      links.append(row)
      diagonal.append(total)
      for c in 0..<colors { right[c].append(known[c]) }
    }
    var random = RandomSource(seed: 0, purpose: "impute")
    for c in 0..<colors {
      let solution = solved(diagonal, links, right[c])
      for (k, pixel) in unknowns.enumerated() { pixels[pixel * colors + c] = solution[k] + noise * random.normal() }
    }
    return Tensor(pixels, shape: image.shape).converted(to: image.scalarType)
  }

  /// Solves a symmetric positive definite system by conjugate gradients with a diagonal preconditioner. The system is
  /// singular only if every pixel is removed; then the solution is 0.
  private static func solved(
    _ diagonal: [Double], _ links: [[(index: Int, weight: Double)]], _ right: [Double]
  ) -> [Double] {
    let count = diagonal.count
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    var x = [Double](repeating: 0, count: count)
    var residual = right
    var step = zip(residual, diagonal).map { $0 / $1 }
    var energy = dot(residual, step)
    let goal = energy * 1e-16
    for _ in 0..<(10 * count) where energy > goal && energy > 0 {
      let image = (0..<count).map { i in links[i].reduce(diagonal[i] * step[i]) { $0 - $1.weight * step[$1.index] } }
      let length = energy / dot(step, image)
      for i in 0..<count {
        x[i] += length * step[i]
        residual[i] -= length * image[i]
      }
      let scaled = zip(residual, diagonal).map { $0 / $1 }
      let next = dot(residual, scaled)
      let turn = next / energy
      for i in 0..<count { step[i] = scaled[i] + turn * step[i] }
      energy = next
    }
    return x
  }
}
