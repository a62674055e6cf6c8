import CKernels
import TestSupport
import Testing

@testable import Tensors

/// Compares the loops for this processor's instructions with the portable ones, which are simple.
@Suite("Kernels") struct KernelTests {
  /// Rows and columns: vectors and remainders of every kind.
  static let sizes = [(1, 1), (3, 5), (7, 8), (70, 16), (5, 23), (130, 33), (2, 64)]

  /// The instruction sets that this processor supports.
  static let instructions = [metasal_portable, metasal_avx2, metasal_avx512]
    .filter { $0.rawValue <= metasal_best_instructions().rawValue }

  @Test("element-wise loops agree with the portable ones", arguments: sizes)
  func elementwise(_ rows: Int, _ columns: Int) {
    let (float, double) = (metasal_kernels_float(metasal_portable), metasal_kernels_double(metasal_portable))
    for instructions in Self.instructions {
      compare(rows, columns, metasal_kernels_float(instructions).pointee, float.pointee, Float.self)
      compare(rows, columns, metasal_kernels_double(instructions).pointee, double.pointee, Double.self)
    }
  }

  private func compare<T: Scalar>(
    _ rows: Int, _ columns: Int, _ native: metasal_kernels, _ portable: metasal_kernels, _: T.Type
  ) {
    var random = RandomSource(seed: UInt64(rows * 100 + columns), purpose: "kernels")
    let count = rows * columns
    func numbers(_ count: Int) -> [T] {
      Tensor.uniform([count], from: -2, to: 2, T.type, using: &random).elements()
    }
    let (x, y, v, w, residual) = (numbers(count), numbers(count), numbers(columns), numbers(columns), numbers(count))
    let perRow = numbers(rows)
    func same(_ size: Int, _ name: String, _ run: (metasal_kernels, UnsafeMutableRawPointer) -> Void) {
      let results = [native, portable].map { kernels in
        [T](unsafeUninitializedCapacity: size) { buffer, initialized in
          if let base = buffer.baseAddress { run(kernels, UnsafeMutableRawPointer(base)) }
          initialized = size
        }
      }
      let tolerance: T = T.type == .float32 ? 2e-6 : 1e-14
      for (a, b) in zip(results[0], results[1]) {
        #expect(abs(a - b) <= tolerance * T(max(1, rows)) * max(1, abs(b)), "\(name) \(T.self)")
      }
    }
    for f in [metasal_add, metasal_subtract, metasal_multiply, metasal_divide, metasal_gate] {
      same(count, "binary \(f)") { $0.loops.binary(f, x, y, $1, count) }
      same(count, "rows \(f)") { $0.loops.binaryRows(f, x, perRow, $1, rows, columns) }
      same(count, "columns \(f)") { $0.loops.binaryColumns(f, x, v, $1, rows, columns) }
    }
    for f in [metasal_scale, metasal_shift, metasal_relu, metasal_sign, metasal_reciprocal_or_zero] {
      same(count, "unary \(f)") { $0.loops.unary(f, 0.75, x, $1, count) }
    }
    same(count, "square root") { $0.loops.unary(metasal_sqrt, 0, x.map { abs($0) }, $1, count) }
    same(count, "add scaled") { $0.loops.addScaled(x, y, -0.3, $1, count) }
    same(columns, "sum of columns") { $0.loops.sumColumns(x, nil, nil, $1, rows, columns, columns) }
    same(columns, "sum of products") { $0.loops.sumColumns(x, v, y, $1, rows, columns, columns) }
    same(rows, "sum of rows") { $0.loops.sumRows(x, nil, $1, rows, columns) }
    same(rows, "sum of rows' products") { $0.loops.sumRows(x, y, $1, rows, columns) }
    for relu in [Int32(0), 1] {
      same(count, "standardize") { $0.loops.standardize(x, nil, v, nil, nil, relu, $1, rows, columns) }
      same(count, "standardize and add") { $0.loops.standardize(x, w, v, w, residual, relu, $1, rows, columns) }
    }
  }

  @Test("convolution tiles agree with the portable ones, for every remainder", arguments: 1...36)
  func tiles(_ columns: Int) {
    var random = RandomSource(seed: UInt64(columns), purpose: "tiles")
    let (depth, pixels) = (19, 29)  // pixel 4 is left out of the kernel
    func numbers(_ count: Int) -> [Float] { Tensor.normal([count], using: &random).elements() }
    let (a, b, start) = (numbers(pixels * depth), numbers(depth * columns), numbers(pixels * columns))
    let results = Self.instructions.map { metasal_kernels_float($0).pointee.tiles }.map { tiles in
      var (c, kernel) = (start, [Float](repeating: 0, count: depth * columns))
      let width = columns <= tiles.lanes ? tiles.lanes : tiles.width
      var panels = [Float](repeating: .nan, count: depth * (columns + width))
      tiles.copyPanels(b, columns, depth, columns, &panels, width, depth * width)
      var plan: [Int32] = []
      let parts = evenParts(of: pixels, atMost: tiles.rows)
      for tile in parts {
        plan += [Int32(tile.count), 2]
        plan += tile.map { Int32($0 * columns) }
        plan += [0] + tile.map { Int32($0 * depth) }
        plan += [0] + tile.map { $0 % 2 == 0 ? -1 : Int32($0 * depth) }
      }
      for column in stride(from: 0, to: columns, by: width) {
        let count = min(width, columns - column)
        panels.withUnsafeBufferPointer { panels in
          guard let panel = panels.baseAddress.map({ $0 + column * depth }) else { return }
          c.withUnsafeMutableBufferPointer { c in
            guard let target = c.baseAddress else { return }
            tiles.gather(plan, parts.count, a, panel, 0, width, depth, target + column, count, 1)
          }
          kernel.withUnsafeMutableBufferPointer { kernel in
            guard let target = kernel.baseAddress else { return }
            var rows = [Float](repeating: 0, count: pixels * width)
            for pixel in 0..<pixels {
              for j in 0..<count { rows[pixel * width + j] = start[pixel * columns + column + j] }
            }
            let runs: [Int32] = [0, 0, 4, Int32(5 * depth), 5, 24]
            for (number, part) in evenParts(of: depth, atMost: tiles.rows).enumerated() {
              let result = target + part.lowerBound * columns + column
              a.withUnsafeBufferPointer { a in
                guard let pixels = a.baseAddress.map({ $0 + part.lowerBound }) else { return }
                var packed = [Float](repeating: 0, count: 28 * part.count)
                tiles.packRuns(runs, 2, pixels, depth, part.count, &packed)
                // Every second part is read in place, the others are packed.
                if number % 2 == 0 {
                  tiles.outer(runs, 2, pixels, depth, 0, part.count, rows, 0, width, result, columns, count, 0)
                } else {
                  tiles.outer(runs, 2, packed, part.count, 1, part.count, rows, 0, width, result, columns, count, 0)
                }
              }
            }
          }
        }
      }
      return c + kernel
    }
    // The expected values, computed directly in double precision.
    var expected = start.map(Double.init)
    var kernel = [Double](repeating: 0, count: depth * columns)
    for pixel in 0..<pixels {
      for k in 0..<depth {
        for j in 0..<columns {
          let product = Double(a[pixel * depth + k]) * Double(b[k * columns + j])
          expected[pixel * columns + j] += pixel % 2 == 0 ? product : 2 * product
          if pixel != 4 { kernel[k * columns + j] += Double(a[pixel * depth + k]) * Double(start[pixel * columns + j]) }
        }
      }
    }
    for result in results {
      for (found, value) in zip(result, expected + kernel) { #expect(abs(Double(found) - value) < 1e-4) }
    }
  }

  /// Images, kernels (with a leading axis: one per image) and strides for which kernels are packed in each possible
  /// way.
  static let shared: [(image: [Int], kernel: [Int], stride: Int)] = [
    ([1, 20, 20, 64], [3, 3, 64, 64], 1), ([3, 20, 20, 64], [3, 3, 64, 64], 1),
    // Large kernels on few pixels, with remainders.
    ([1, 7, 7, 320], [1, 1, 320, 520], 1), ([2, 7, 7, 300], [2, 1, 1, 300, 528], 1),
    ([2, 9, 9, 130], [3, 3, 130, 200], 2),
    ([1, 16, 16, 96], [3, 3, 96, 104], 1), ([2, 12, 13, 104], [2, 3, 3, 104, 96], 1),
    ([1, 7, 7, 512], [3, 3, 512, 64], 1),
    // Few channels on many pixels.
    ([1, 40, 40, 64], [1, 1, 64, 256], 1), ([2, 40, 20, 24], [1, 1, 24, 140], 1),
  ]

  @Test(
    "convolutions with kernels of any size agree with double precision, and threads change no bit, in every slot",
    arguments: shared)
  func threads(_ image: [Int], _ kernel: [Int], _ stride: Int) throws {
    var random = RandomSource(seed: 4, purpose: "threads")
    let geometry = ConvolutionGeometry(stride: .init(stride), padding: .init(kernel[kernel.count - 4] / 2))
    let (x, w) = (Tensor.normal(image, using: &random).tracked(), Tensor.normal(kernel, using: &random).tracked())
    let y = x.convolved(with: w, geometry).detached()
    func slots(_ threads: Int) -> [Tensor] {
      Parallel.withKernelThreads(threads) {
        let response = x.convolved(with: w, geometry)
        let derivatives = gradients(of: response, withRespectTo: [x, w], cotangents: y)
        return [response] + derivatives + [derivatives[0].sum([0, 1, 2])]
      }
    }
    let alone = slots(1)
    for threads in 2...5 { #expect(slots(threads).map(\.floats) == alone.map(\.floats)) }

    let form = ConvolutionForm(geometry: geometry, image: image, kernel: kernel, response: y.shape)
    let (exactX, exactW, exactY) = (x.converted(to: .float64), w.converted(to: .float64), y.converted(to: .float64))
    let exact = [(.response, exactX, exactW), (.image, exactW, exactY), (.kernel, exactX, exactY)].map {
      (open: ConvolutionForm.Slot, a, b) in Kernels.convolve(form, open: open, a, b, plainly: true)
    }
    for (found, expected) in zip(alone, exact) {
      #expect(relativeError(found.converted(to: .float64), expected) < 2e-6)
    }
  }

  @Test(
    "a kernel repeated for all images gives the same result as for each image alone",
    arguments: [[1, 1], [3, 3], [5, 5]])
  func repeatedKernel(_ size: [Int]) {
    var random = RandomSource(seed: 5, purpose: "repeated")
    let geometry = ConvolutionGeometry(padding: .init(size[0] / 2))
    let x = Tensor.normal([3, 13, 12, 16], using: &random)
    let kernel = Tensor.normal(size + [16, 32], using: &random)
    let copies = kernel.repeated(3)
    #expect(copies.shape == [3] + kernel.shape)
    #expect(copies.floats == kernel.floats + kernel.floats + kernel.floats)
    let response = x.convolved(with: kernel, geometry)
    #expect(x.convolved(with: copies, geometry).floats == response.floats)
    // Each copy has the derivative of its own image.
    let (tracked, image) = (copies.tracked(), x.tracked())
    let found = gradients(
      of: image.convolved(with: tracked, geometry), withRespectTo: [tracked, image], cotangents: response)
    for index in 0..<3 {
      let (own, alone) = (x.sliced(axis: 0, from: index, length: 1).tracked(), kernel.tracked())
      let expected = gradients(
        of: own.convolved(with: alone, geometry), withRespectTo: [alone, own],
        cotangents: response.sliced(axis: 0, from: index, length: 1))
      for (found, expected) in zip(found, expected) {
        #expect(found.sliced(axis: 0, from: index, length: 1).floats == expected.floats)
      }
    }
    // Adding to the copies makes them different, and must not change the original.
    var sum = kernel.repeated(2)
    sum.accumulate(.concatenated([kernel.repeated(1), (kernel * 2).repeated(1)], axis: 0))
    #expect(
      x.sliced(axis: 0, from: 0, length: 2).convolved(with: sum, geometry).floats
        == Tensor.concatenated(
          [2.0, 3].enumerated().map {
            x.sliced(axis: 0, from: $0, length: 1).convolved(with: kernel.adding(kernel, times: $1 - 1), geometry)
          }, axis: 0
        ).floats)
  }

  @Test("the parts of a tensor with one more axis are added one after the other")
  func accumulation() {
    var sum = Tensor([1.0, 2])
    let before = sum
    sum.accumulate(Tensor([1.0, 2, 3, 4, 5, 6], shape: [3, 2]), times: 2)
    #expect(sum.doubles == [19, 26])
    #expect(before.doubles == [1, 2])
  }

  @Test(
    "Winograd's algorithm agrees with direct sums, in every slot and for every size",
    arguments: [4, 5, 7, 12, 25])
  func winograd(_ side: Int) {
    var random = RandomSource(seed: UInt64(side), purpose: "winograd")
    for (padding, perImage) in [(0, false), (1, false), (1, true), (2, false)] {
      let geometry = ConvolutionGeometry(padding: .init(padding))
      let x = Tensor.normal([2, side + 2 - 2 * padding, side + 3 - 2 * padding, 32], using: &random)
      let w = Tensor.normal((perImage ? [2] : []) + [3, 3, 32, 48], using: &random)
      let y = Tensor.normal([2, side, side + 1, 48], using: &random)
      let form = ConvolutionForm(geometry: geometry, image: x.shape, kernel: w.shape, response: y.shape)
      #expect(WinogradPlan.plan(form, open: .response, lanes: 16) != nil)
      for (open, operands) in [(.response, [x, w]), (.image, [w, y]), (.kernel, [x, y])]
        as [(ConvolutionForm.Slot, [Tensor])]
      {
        let found = form.contract(open: open, operands)
        // The expected values in double precision, by the direct convolution.
        let exact = Kernels.convolve(
          form, open: open, operands[0].converted(to: .float64), operands[1].converted(to: .float64), plainly: true)
        let largest = exact.abs.doubles.max() ?? 0
        let error = (found.converted(to: .float64) - exact).abs.doubles.max() ?? 1
        #expect(error < 6e-6 * largest, "\(open) \(padding) \(perImage)")
      }
    }
  }
}
