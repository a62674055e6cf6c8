extension Kernels {
  /// Copies a block of `sizes` from one strided location to another; the rest of the result is 0. Permuting, slicing,
  /// placing, repeating and concatenating are such copies.
  static func copy(
    _ x: Tensor, sizes: [Int], from offset: Int, strides: [Int], into shape: [Int], at target: Int,
    strides outStrides: [Int]
  ) -> Tensor {
    func run<T: Scalar>(_: T.Type) -> Tensor {
      let p: UnsafePointer<T> = x.pointer()
      let total = shape.reduce(1, *)
      let loop = StridedLoop(sizes, strides: [strides, outStrides])
      let last = loop.sizes.count - 1
      let (count, from, to) = (loop.sizes[last], loop.strides[0][last], loop.strides[1][last])
      let fills = sizes.reduce(1, *) == total
      return make(shape, T.self, from: x) { out in
        if !fills { out.update(repeating: 0, count: total) }
        loop.forEachRow { i, o in
          let (p, out) = (p + offset + i, out + target + o)
          if from == 1 && to == 1 {
            out.update(from: p, count: count)
          } else if from == 0 && to == 1 {
            out.update(repeating: p[0], count: count)
          } else {
            for k in 0..<count { out[k * to] = p[k * from] }
          }
        }
      }
    }
    return x.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }

  /// Concatenates tensors along `axis`.
  static func concatenate(_ parts: [Tensor], axis: Int, shape: [Int]) -> Tensor {
    func run<T: Scalar>(_: T.Type) -> Tensor {
      let outer = shape[..<axis].reduce(1, *)
      let width = shape[axis...].reduce(1, *)
      return make(shape, T.self, from: parts) { out in
        var start = 0
        for part in parts {
          let p: UnsafePointer<T> = part.pointer()
          let own = part.shape[axis...].reduce(1, *)
          for row in 0..<outer { (out + row * width + start).update(from: p + row * own, count: own) }
          start += own
        }
      }
    }
    return parts[0].scalarType == .float32 ? run(Float.self) : run(Double.self)
  }

  /// Reads `x[indices]`; a negative index gives 0.
  static func gather(_ x: Tensor, _ indices: [Int32], shape: [Int]) -> Tensor {
    func run<T: Scalar>(_: T.Type) -> Tensor {
      let p: UnsafePointer<T> = x.pointer()
      return make(shape, T.self, from: x) { out in
        for (k, index) in indices.enumerated() { out[k] = index < 0 ? 0 : p[Int(index)] }
      }
    }
    return x.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }

  /// Adds each element to zeros of `shape` at its index; elements with a negative index are dropped.
  static func scatter(_ x: Tensor, _ indices: [Int32], shape: [Int]) -> Tensor {
    func run<T: Scalar>(_: T.Type) -> Tensor {
      let p: UnsafePointer<T> = x.pointer()
      return make(shape, T.self, from: x) { out in
        out.update(repeating: 0, count: shape.reduce(1, *))
        for (k, index) in indices.enumerated() where index >= 0 { out[Int(index)] += p[k] }
      }
    }
    return x.scalarType == .float32 ? run(Float.self) : run(Double.self)
  }
}
