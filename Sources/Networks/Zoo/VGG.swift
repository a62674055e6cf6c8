import Tensors

extension Architecture {
  /// VGG-11 (Simonyan and Zisserman 2015).
  public static let vgg11 = vgg("vgg11", [1, 1, 2, 2, 2])
  /// VGG-13 (Simonyan and Zisserman 2015).
  public static let vgg13 = vgg("vgg13", [2, 2, 2, 2, 2])
  /// VGG-16 (Simonyan and Zisserman 2015).
  public static let vgg16 = vgg("vgg16", [2, 2, 3, 3, 3])
  /// VGG-19 (Simonyan and Zisserman 2015).
  public static let vgg19 = vgg("vgg19", [2, 2, 4, 4, 4])
  /// VGG-11 with batch norm after each convolution.
  public static let vgg11_bn = vgg("vgg11_bn", [1, 1, 2, 2, 2], isNormalized: true)
  /// VGG-13 with batch norm after each convolution.
  public static let vgg13_bn = vgg("vgg13_bn", [2, 2, 2, 2, 2], isNormalized: true)
  /// VGG-16 with batch norm after each convolution.
  public static let vgg16_bn = vgg("vgg16_bn", [2, 2, 3, 3, 3], isNormalized: true)
  /// VGG-19 with batch norm after each convolution.
  public static let vgg19_bn = vgg("vgg19_bn", [2, 2, 4, 4, 4], isNormalized: true)
  /// AlexNet in the version of Krizhevsky 2014.
  public static let alexnet = Architecture("alexnet", usualSide: 224) { Sequential.alexNet(classes: $0, using: &$1) }

  static let vggs = [vgg11, vgg13, vgg16, vgg19, vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn]

  private static func vgg(_ name: String, _ counts: [Int], isNormalized: Bool = false) -> Architecture {
    Architecture(name, usualSide: 224) {
      Sequential.vgg(counts, isNormalized: isNormalized, classes: $0, using: &$1)
    }
  }
}

extension Sequential {
  /// The VGG networks of Simonyan and Zisserman 2015: five stages of 3×3 convolutions, each followed by max pooling to
  /// half the size, then three linear layers. Names and initialization are torchvision's: `features.0`, …,
  /// `classifier.6`.
  ///
  /// - Parameters:
  ///   - counts: the number of convolutions in each of the five stages, of 64, 128, 256, 512 and 512 channels.
  ///   - isNormalized: whether batch norm follows each convolution, as in torchvision's `vgg*_bn`.
  ///   - classes: the number of logits.
  ///   - random: the source of the weights; nil for zeros.
  /// - Returns: the layers, from images [N, H, W, 3] to logits [N, classes].
  public static func vgg(
    _ counts: [Int], isNormalized: Bool, classes: Int, using random: inout RandomSource?
  ) -> Sequential {
    var (features, channels) = ([any Module](), 3)
    for (outputs, count) in zip([64, 128, 256, 512, 512], counts) {
      for _ in 0..<count {
        features.append(
          Convolution(channels, outputs, size: 3, padding: 1, bias: true, initialization: .heFanOut, using: &random))
        if isNormalized { features.append(BatchNorm(outputs)) }
        features.append(ReLU())
        channels = outputs
      }
      features.append(MaxPool(window: 2, stride: 2))
    }
    func linear(_ inputs: Int, _ outputs: Int) -> Linear {
      Linear(inputs, outputs, initialization: .normal(0.01), using: &random)
    }
    return Sequential(named: [
      ("features", Sequential(features)),
      ("avgpool", AdaptiveAveragePool(7)),
      ("flatten", Flatten()),
      (
        "classifier",
        Sequential([
          linear(512 * 7 * 7, 4096), ReLU(), Dropout(0.5),
          linear(4096, 4096), ReLU(), Dropout(0.5),
          linear(4096, classes),
        ])
      ),
    ])
  }

  /// AlexNet in the version of Krizhevsky 2014 ("One weird trick for parallelizing convolutional neural networks"),
  /// which is torchvision's `alexnet`, with torchvision's names and PyTorch's default initialization.
  public static func alexNet(classes: Int, using random: inout RandomSource?) -> Sequential {
    func convolution(_ inputs: Int, _ outputs: Int, size: Int, stride: Int = 1, padding: Int) -> Convolution {
      Convolution(
        inputs, outputs, size: size, stride: stride, padding: padding, bias: true, initialization: .pyTorch,
        using: &random)
    }
    let pool = MaxPool(window: 3, stride: 2)
    let features = Sequential([
      convolution(3, 64, size: 11, stride: 4, padding: 2), ReLU(), pool,
      convolution(64, 192, size: 5, padding: 2), ReLU(), pool,
      convolution(192, 384, size: 3, padding: 1), ReLU(),
      convolution(384, 256, size: 3, padding: 1), ReLU(),
      convolution(256, 256, size: 3, padding: 1), ReLU(), pool,
    ])
    let classifier = Sequential([
      Dropout(0.5), Linear(256 * 6 * 6, 4096, using: &random), ReLU(),
      Dropout(0.5), Linear(4096, 4096, using: &random), ReLU(),
      Linear(4096, classes, using: &random),
    ])
    return Sequential(named: [
      ("features", features), ("avgpool", AdaptiveAveragePool(6)), ("flatten", Flatten()),
      ("classifier", classifier),
    ])
  }
}
