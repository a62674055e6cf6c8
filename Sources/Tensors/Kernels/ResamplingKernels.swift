extension Kernels {
  static func resample(_ x: Tensor, axis: Int, _ table: ResamplingTable) -> Tensor {
    func run<T: Scalar>(_: T.Type) -> Tensor {
      let p: UnsafePointer<T> = x.pointer()
      let outer = x.shape[..<axis].reduce(1, *)
      let inner = x.shape[(axis + 1)...].reduce(1, *)
      var shape = x.shape
      shape[axis] = table.outputs
      return make(shape, T.self, from: x) { out in
        out.update(repeating: 0, count: outer * table.outputs * inner)
        for o in 0..<outer {
          for row in 0..<table.outputs {
            let target = out + (o * table.outputs + row) * inner
            for k in table.offsets[row]..<table.offsets[row + 1] {
              let source = p + (o * table.inputs + table.indices[k]) * inner
              let weight = T(table.weights[k])
              for i in 0..<inner { target[i] += weight * source[i] }
            }
          }
        }
      }
    }
    return x.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }

  /// For each window and channel of an image [N, H, W, C], the flat index of its largest element; `shape` has the windows'
  /// numbers, each of which begins before the image ends.
  static func maxPoolIndices(_ x: Tensor, window: Int, stride: Int, padding: Int, shape: [Int]) -> [Int32] {
    func run<T: Scalar>(_: T.Type) -> [Int32] {
      let p: UnsafePointer<T> = x.pointer()
      let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
      let (rows, columns) = (shape[1], shape[2])
      return [Int32](unsafeUninitializedCapacity: n * rows * columns * c) { out, count in
        var next = 0
        for image in 0..<n {
          for row in 0..<rows {
            let ys = max(0, row * stride - padding)..<min(h, row * stride - padding + window)
            for column in 0..<columns {
              let xs = max(0, column * stride - padding)..<min(w, column * stride - padding + window)
              for channel in 0..<c {
                var best = ((image * h + ys.lowerBound) * w + xs.lowerBound) * c + channel
                for y in ys {
                  for x in xs {
                    let place = ((image * h + y) * w + x) * c + channel
                    if p[place] > p[best] { best = place }
                  }
                }
                out[next] = Int32(best)
                next += 1
              }
            }
          }
        }
        count = next
      }
    }
    return withExtendedLifetime(x) { x.scalarType == .float32 ? run(Float.self) : run(Double.self) }
  }
}
