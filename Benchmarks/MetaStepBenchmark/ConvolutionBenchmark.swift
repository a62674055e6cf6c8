import Foundation
import Networks
import Tensors

/// Measures the speed of each different convolution of a network, for all three slots.
struct ConvolutionBenchmark {
  private struct Kind: Hashable {
    let image, kernel: [Int]
    let geometry: ConvolutionGeometry
  }

  private let kinds: [(kind: Kind, name: String, count: Int)]
  private let type: ScalarType

  /// Finds the convolutions of a network for `batch` images of `size` rows and columns, which share one kernel. Only
  /// layers whose names start with one of `layers` are measured, or all if it is empty.
  init(_ network: Network, batch: Int, size: Int, layers: [String]) {
    let kernels = Dictionary(uniqueKeysWithValues: network.state.map { ($0.name, $0.value.shape) })
    var kinds: [(kind: Kind, name: String, count: Int)] = []
    for step in network.trace(height: size, width: size).steps {
      guard let geometry = (step.operation as? Convolution)?.geometry, let kernel = kernels[step.name + ".weight"]
      else {
        continue
      }
      guard layers.isEmpty || layers.contains(where: step.name.hasPrefix) else { continue }
      let kind = Kind(image: [batch] + step.shape.dropFirst(), kernel: kernel, geometry: geometry)
      if let index = kinds.firstIndex(where: { $0.kind == kind }) {
        kinds[index].count += 1
      } else {
        kinds.append((kind, step.name, 1))
      }
    }
    (self.kinds, type) = (kinds, network.scalarType)
  }

  /// Prints a line for each convolution: its arithmetic in GFLOP, and for each slot the speed in GFLOP/s as the median
  /// of `repeats` runs.
  func run(threads: Int, repeats: Int) {
    print(
      "first of its kind          times  image             kernel             GFLOP  response  image  kernel  (GFLOP/s)"
    )
    for (kind, name, count) in kinds {
      let found = Parallel.withKernelThreads(threads) { rates(kind, repeats) }
      let shapes = [kind.image.dropFirst(), kind.kernel[...]].map { $0.map { String($0) }.joined(separator: "×") }
      let stride = kind.geometry.stride.height > 1 ? "/\(kind.geometry.stride.height)" : ""
      print(
        name.padded(25), String(count).padded(6, left: true), " " + shapes[0].padded(17),
        (shapes[1] + stride).padded(18),
        found.arithmetic.text(3).padded(6, left: true), found.response.text(1).padded(9, left: true),
        found.image.text(1).padded(6, left: true), found.kernel.text(1).padded(7, left: true))
    }
  }

  private func rates(_ kind: Kind, _ repeats: Int) -> (
    arithmetic: Double, response: Double, image: Double, kernel: Double
  ) {
    var random = RandomSource(seed: 0, purpose: "convolution")
    let (image, kernel) = (
      Tensor.normal(kind.image, type, using: &random).tracked(),
      Tensor.normal(kind.kernel, type, using: &random).tracked()
    )
    let response = image.convolved(with: kernel, kind.geometry)
    let cotangents = Tensor.normal(response.shape, type, using: &random)
    let products = response.count * kind.kernel.dropLast().reduce(1, *)
    let arithmetic = 2e-9 * Double(products)
    func rate(_ body: () -> Tensor) -> Double {
      arithmetic / MetaStepBenchmark.median(repeats) { _ = body() }
    }
    let (x, w) = (image.detached(), kernel.detached())
    return (
      arithmetic, rate { x.convolved(with: w, kind.geometry) },
      rate { gradients(of: response, withRespectTo: [image], cotangents: cotangents)[0] },
      rate { gradients(of: response, withRespectTo: [kernel], cotangents: cotangents)[0] }
    )
  }
}

extension String {
  fileprivate func padded(_ width: Int, left: Bool = false) -> String {
    let spaces = String(repeating: " ", count: max(0, width - count))
    return left ? spaces + self : self + spaces
  }
}

extension Double {
  fileprivate func text(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
}
