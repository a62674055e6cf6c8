import Tensors

/// The distribution from which the weights of a convolution or a linear layer are drawn. Fan-in is the number of
/// weights per output element and fan-out the number per input element, as PyTorch counts them.
public enum Initialization: Sendable {
  /// Normal with variance 2 / fan-in, for ReLU networks (He et al. 2015); biases are 0.
  case heFanIn
  /// Normal with variance 2 / fan-out, which preserves the size of gradients instead (He et al. 2015); biases are 0.
  case heFanOut
  /// Uniform with variance 2 / fan-in; biases are 0.
  case heUniform
  /// Normal with this std; biases are 0.
  case normal(Double)
  /// Normal with this std, drawn again if it is more than two stds from 0; biases are 0.
  case truncatedNormal(Double)
  /// Uniform in ±1/√fan-out; biases are 0.
  case uniformFanOut
  /// PyTorch's default for both kinds of layer: weights and biases are uniform in ±1/√fan-in.
  case pyTorch

  /// Draws weights of this shape. Without a source they are zeros, for networks whose weights are loaded.
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
