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

  /// Computes the maxima over windows, and for each the index in `x` of the first maximum.
  static func maxPool(
    _ x: Tensor, window: Int, stride: Int, padding: Int, shape: [Int]
  ) -> (value: Tensor, places: [Int32]) {
    let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let (rows, columns) = (shape[1], shape[2])
    var value: Tensor?
    let places = [Int32](unsafeUninitializedCapacity: n * rows * columns * c) { places, count in
      let loops = loops(x.scalarType)
      // Different threads write disjoint parts of `places`.
      nonisolated(unsafe) let places = places
      func run<T: Scalar>(_: T.Type) -> Tensor {
        make(shape, T.self, from: x) { out in
          nonisolated(unsafe) let (out, p): (UnsafeMutablePointer<T>, UnsafePointer<T>) = (out, x.pointer())
          Parallel.split(n * rows, threads: x.count < 1 << 15 ? 1 : Parallel.kernelThreads) { part in
            var offsets: [Int32] = []
            for line in part {
              let (image, row) = (line / rows, line % rows)
              let ys = max(0, row * stride - padding)..<min(h, row * stride - padding + window)
              for column in 0..<columns {
                let xs = max(0, column * stride - padding)..<min(w, column * stride - padding + window)
                offsets.removeAll(keepingCapacity: true)
                for y in ys { for x in xs { offsets.append(Int32(((image * h + y) * w + x) * c)) } }
                let to = (line * columns + column) * c
                guard let base = places.baseAddress else { continue }
                loops.maxima(p, offsets, offsets.count, out + to, base + to, c)
              }
            }
          }
        }
      }
      value = x.scalarType == .float32 ? run(Float.self) : run(Double.self)
      count = n * rows * columns * c
    }
    return (value ?? .zeros(shape, x.scalarType), places)
  }
}
