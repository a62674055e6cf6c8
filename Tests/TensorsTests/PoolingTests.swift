import Testing

@testable import Tensors

/// Tests of pooling with values computed by hand from PyTorch's definitions.
@Suite("Pooling") struct PoolingTests {
  private func row(_ values: [Double]) -> Tensor { Tensor(values, shape: [1, 1, values.count, 1]) }

  @Test(
    "adaptive average pooling covers the axis, with overlapping windows if the sizes do not divide",
    arguments: [
      (6, [0.5, 2.5, 4.5]), (5, [0.5, 2, 3.5]), (4, [0.5, 1.5, 2.5]), (2, [0, 0.5, 1]), (1, [0, 0, 0]),
    ])
  func adaptive(_ inputs: Int, _ expected: [Double]) {
    let found = row((0..<inputs).map(Double.init)).adaptivelyAveragePooled(height: 1, width: 3).doubles
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test("padding is never the maximum, even if all values are negative")
  func negative() {
    let image = Tensor((1...16).map { -Double($0) }, shape: [1, 4, 4, 1])
    #expect(image.maxPooled(window: 3, stride: 2, padding: 1).doubles == [-1, -2, -5, -6])
  }

  @Test("with `coveringEdges` windows that reach past the edge count, unless they begin past the image")
  func edges() {
    let six = row([1, 2, 3, 4, 6, 5])
    func pooled(_ x: Tensor, _ window: Int, _ stride: Int, _ padding: Int, _ coveringEdges: Bool) -> [Double] {
      x.broadcast(to: [1, 6, 6, 1])
        .maxPooled(window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
        .sliced(axis: 1, from: 0, length: 1).doubles
    }
    #expect(pooled(six, 3, 2, 0, false) == [3, 6])
    #expect(pooled(six, 3, 2, 0, true) == [3, 6, 6])
    // A third window of stride 4 would begin at column 7, which is past the padding too.
    #expect(pooled(six, 2, 4, 1, false) == [1, 6])
    #expect(pooled(six, 2, 4, 1, true) == [1, 6])
  }
}
