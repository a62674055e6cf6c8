import Tensors

extension Architecture {
  /// The smallest ConvNeXt.
  public static let convnext_tiny = Architecture("convnext_tiny", usualSide: 224) {
    Sequential.convNeXt([3, 3, 9, 3], [96, 192, 384, 768], classes: $0, using: &$1)
  }
}

extension Sequential {
  /// ConvNeXt (Liu et al. 2022). Names and initialization are torchvision's: `features.0.0`,
  /// `features.1.0.layer_scale`, `features.1.0.block.0`, …, `classifier.2`; so is the rate of stochastic depth.
  ///
  /// - Parameters:
  ///   - counts: the number of blocks in each stage.
  ///   - widths: the number of channels of each stage.
  ///   - classes: the number of logits.
  ///   - random: the source of the weights; nil for zeros.
  /// - Returns: the layers, from images [N, H, W, 3] to logits [N, classes].
  public static func convNeXt(
    _ counts: [Int], _ widths: [Int], classes: Int, using random: inout RandomSource?
  ) -> Sequential {
    let epsilon = 1e-6
    func convolution(_ inputs: Int, _ outputs: Int, size: Int) -> Convolution {
      Convolution(
        inputs, outputs, size: size, stride: size, bias: true, initialization: .truncatedNormal(0.02), using: &random)
    }
    var features: [any Module] = [
      Sequential([convolution(3, widths[0], size: 4), LayerNorm(widths[0], epsilon: epsilon)])
    ]
    for (stage, (count, width)) in zip(counts, widths).enumerated() {
      if stage > 0 {
        let before = widths[stage - 1]
        features.append(Sequential([LayerNorm(before, epsilon: epsilon), convolution(before, width, size: 2)]))
      }
      let before = counts[..<stage].reduce(0, +)
      features.append(
        Sequential(
          (0..<count).map { index in
            let depth = StochasticDepth(
              rate: 0.1, share: Double(before + index) / Double(max(1, counts.reduce(0, +) - 1)))
            return ConvNeXtBlock(width, epsilon: epsilon, depth: depth, using: &random)
          }))
    }
    let last = widths[widths.count - 1]
    return Sequential(named: [
      ("features", Sequential(features)), ("avgpool", GlobalAveragePool()),
      (
        "classifier",
        Sequential(named: [
          ("0", LayerNorm(last, epsilon: epsilon)),
          ("2", Linear(last, classes, initialization: .truncatedNormal(0.02), using: &random)),
        ])
      ),
    ])
  }
}

/// A ConvNeXt block: a depthwise 7×7 convolution, normalization and two linear layers at each location. The result is
/// scaled and added to the input.
public struct ConvNeXtBlock: Block {
  private static let scaleName = "layer_scale"
  /// The scale, [C, 1, 1], in torchvision's shape.
  public private(set) var layerScale: Tensor
  /// The layers of the residual branch.
  public private(set) var block: Named<Sequential>
  private let depth: StochasticDepth

  init(_ channels: Int, epsilon: Double, depth: StochasticDepth, using random: inout RandomSource?) {
    self.depth = depth
    let initialization = Initialization.truncatedNormal(0.02)
    layerScale = Tensor(repeating: 1e-6, shape: [channels, 1, 1])
    // Layers 1 and 6 are torchvision's permutations, which a channels-last layout does not need.
    let layers = Sequential(named: [
      (
        "0",
        Convolution(
          channels, channels, size: 7, padding: 3, groups: channels, bias: true, initialization: initialization,
          using: &random)
      ),
      ("2", LayerNorm(channels, epsilon: epsilon)),
      ("3", Linear(channels, 4 * channels, initialization: initialization, using: &random)),
      ("4", GeLU()),
      ("5", Linear(4 * channels, channels, initialization: initialization, using: &random)),
    ])
    block = Named("block", layers)
  }

  public func callAsFunction(_ x: Tensor, _ pass: inout Pass) -> Tensor {
    let y = pass(block, x)
    let scale = layerScale.reshaped(Array(layerScale.shape.dropLast(2))).overChannels(of: y)
    let scaled = pass.perform(ScaleChannels(Self.scaleName), [y], y * scale)
    return pass.sum(pass.droppingBranch(scaled, depth), x)
  }

  public mutating func visit(_ path: Path, _ body: (Path, ParameterKind, inout Tensor) throws -> Void) rethrows {
    try body(path / Self.scaleName, .weight, &layerScale)
    try block.visit(path, body)
  }
}
