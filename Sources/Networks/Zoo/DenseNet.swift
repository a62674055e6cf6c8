import Tensors

extension Architecture {
  /// DenseNet of 121 layers.
  public static let densenet121 = Architecture("densenet121", usualSide: 224) {
    Sequential.denseNet([6, 12, 24, 16], classes: $0, using: &$1)
  }
}

extension Sequential {
  /// The densely connected networks of Huang et al. 2017, in which each layer adds 32 channels. Names and
  /// initialization are torchvision's: `features.conv0`, `features.denseblock1.denselayer1.norm1`, …, `classifier`. In
  /// addition, `relu` is the last activation, for which torchvision has no name.
  ///
  /// - Parameters:
  ///   - counts: the number of layers in each of the four blocks.
  ///   - classes: the number of logits.
  ///   - random: the source of the weights; nil for zeros.
  /// - Returns: the layers, from images [N, H, W, 3] to logits [N, classes].
  public static func denseNet(_ counts: [Int], classes: Int, using random: inout RandomSource?) -> Sequential {
    var channels = 64
    var features: [(name: String, module: any Module)] = [
      ("conv0", Convolution(3, channels, size: 7, stride: 2, padding: 3, using: &random)),
      ("norm0", BatchNorm(channels)),
      ("relu0", ReLU()),
      ("pool0", MaxPool(window: 3, stride: 2, padding: 1)),
    ]
    for (index, count) in counts.enumerated() {
      features.append(("denseblock\(index + 1)", DenseBlock(channels, count: count, growth: 32, using: &random)))
      channels += 32 * count
      guard index + 1 < counts.count else { break }
      let transition: [(name: String, module: any Module)] = [
        ("norm", BatchNorm(channels)), ("relu", ReLU()),
        ("conv", Convolution(channels, channels / 2, size: 1, using: &random)),
        ("pool", AveragePool(window: 2)),
      ]
      features.append(("transition\(index + 1)", Sequential(named: transition)))
      channels /= 2
    }
    features.append(("norm5", BatchNorm(channels)))
    var classifier = Linear(channels, classes, using: &random)
    classifier.bias = .zeros([classes])
    return Sequential(named: [
      ("features", Sequential(named: features)), ("relu", ReLU()), ("avgpool", GlobalAveragePool()),
      ("classifier", classifier),
    ])
  }
}

/// A dense block with layers `denselayer1`, `denselayer2`, …. The input of each layer is the concatenation of the
/// block's input and the outputs of all layers before it.
public struct DenseBlock: Block {
  /// The layers, each a 1×1 and a 3×3 convolution with normalization and ReLU before both.
  public private(set) var layers: [Named<Sequential>]

  init(_ inputs: Int, count: Int, growth: Int, using random: inout RandomSource?) {
    layers = (0..<count).map { index in
      let (channels, inner) = (inputs + index * growth, 4 * growth)
      let layer = Sequential(named: [
        ("norm1", BatchNorm(channels)), ("relu1", ReLU()),
        ("conv1", Convolution(channels, inner, size: 1, using: &random)),
        ("norm2", BatchNorm(inner)), ("relu2", ReLU()),
        ("conv2", Convolution(inner, growth, size: 3, padding: 1, using: &random)),
      ])
      return Named("denselayer\(index + 1)", layer)
    }
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    var x = x
    for layer in layers {
      let more = pass(layer, x)
      x = pass.concatenated([x, more])
    }
    return x
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    for index in layers.indices { try layers[index].visit(path, body) }
  }
}
