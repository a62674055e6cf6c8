import Tensors

/// How the weights of a convolution or a linear layer are drawn. Fan-in and fan-out are the numbers of weights that meet
/// at one output and at one input element, as PyTorch counts them.
public enum Initialization: Sendable {
  /// Normal with variance 2 / fan-in, for relu networks (He et al. 2015); biases 0.
  case heFanIn
  /// Normal with variance 2 / fan-out, which keeps the size of gradients instead (He et al. 2015); biases 0.
  case heFanOut
  /// Uniform with variance 2 / fan-in; biases 0.
  case heUniform
  /// Normal with this std; biases 0.
  case normal(Double)
  /// Normal with this std, drawn again beyond two stds; biases 0.
  case truncatedNormal(Double)
  /// Uniform in ±1/√fan-out; biases 0.
  case uniformFanOut
  /// PyTorch's default for both kinds of layer: weights and biases uniform in ±1/√fan-in.
  case pyTorch

  /// Weights of this shape; zeros without a source, for networks whose weights are loaded.
  func weights(_ shape: [Int], fanIn: Int, fanOut: Int, using random: inout RandomSource?) -> Tensor {
    guard var source = random else { return .lazyZeros(shape) }
    defer { random = source }
    return switch self {
    case .heFanIn: .normal(shape, std: (2 / Double(fanIn)).squareRoot(), using: &source)
    case .heFanOut: .normal(shape, std: (2 / Double(fanOut)).squareRoot(), using: &source)
    case .heUniform: .uniform(shape, within: (6 / Double(fanIn)).squareRoot(), using: &source)
    case .normal(let std): .normal(shape, std: std, using: &source)
    case .truncatedNormal(let std): .truncatedNormal(shape, std: std, using: &source)
    case .uniformFanOut: .uniform(shape, within: 1 / Double(fanOut).squareRoot(), using: &source)
    case .pyTorch: .uniform(shape, within: 1 / Double(fanIn).squareRoot(), using: &source)
    }
  }

  func biases(_ count: Int, fanIn: Int, using random: inout RandomSource?) -> Tensor {
    guard case .pyTorch = self, var source = random else { return .zeros([count]) }
    defer { random = source }
    return .uniform([count], within: 1 / Double(fanIn).squareRoot(), using: &source)
  }
}

extension Tensor {
  fileprivate static func truncatedNormal(
    _ shape: [Int], std: Double, using random: inout RandomSource
  ) -> Tensor {
    let count = shape.reduce(1, *)
    var values: [Double] = []
    while values.count < count {
      values += Tensor.normal([count], std: std, .float64, using: &random).doubles.filter {
        Swift.abs($0) <= 2 * std
      }
    }
    return Tensor(Array(values.prefix(count)), shape: shape).converted(to: .float32)
  }

  fileprivate static func uniform(_ shape: [Int], within bound: Double, using random: inout RandomSource) -> Tensor {
    .uniform(shape, from: -bound, to: bound, using: &random)
  }
}
