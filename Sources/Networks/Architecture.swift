import Tensors

/// The networks that metasal can make, by the names that recipes use.
public enum Architecture: String, Sendable, CaseIterable, CustomStringConvertible {
  case resnet20, resnet32, resnet44, resnet56
  case plain

  public var description: String { rawValue }

  /// Classes unless told otherwise.
  public static let defaultClasses = 10

  /// A randomly initialized network.
  public func network(classes: Int = defaultClasses, seed: UInt64 = 0) -> Network {
    var random = RandomSource(seed: seed, purpose: "initialization")
    let root: any Module =
      switch self {
      case .resnet20: CIFARResNet(blocks: 3, classes: classes, using: &random)
      case .resnet32: CIFARResNet(blocks: 5, classes: classes, using: &random)
      case .resnet44: CIFARResNet(blocks: 7, classes: classes, using: &random)
      case .resnet56: CIFARResNet(blocks: 9, classes: classes, using: &random)
      case .plain: PlainNetwork(classes: classes, using: &random)
      }
    return Network(architecture: self, classes: classes, root: root)
  }
}
