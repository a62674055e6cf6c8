import Components
import Networks
import Tensors

/// A method that makes saliency maps.
///
/// A method is a value, and its settings are part of its name in recipes, tables and files: `grad_cam`, `rise:4000`,
/// `smooth/normgrad`. To add a method, write one file with a conforming type and register it. Its name can then be used
/// wherever a method is named, also after `smooth/` and `competitive/`:
///
///     Registries.methods.register(Brightness())
///
/// Maps are made by differentiable operations, so that every method can be used in an objective.
public protocol SaliencyMethod: Hashable, Sendable {
  /// The name in recipes, tables and files. It must not contain spaces or commas.
  var name: String { get }

  /// Makes the maps of one class per image.
  ///
  /// - Parameter request: the forward pass, the classes and the layers; and the backward passes, which are shared with
  ///   other methods that are requested at the same time.
  /// - Returns: a map [N, H, W] for each layer, at the layer's own resolution.
  func maps(_ request: MapRequest) -> [Tensor]

  /// The reason why the method has no map at a layer of a network; nil, the default, if it has one. The reason
  /// continues a sentence that starts with the method's name.
  func obstacle(at layer: String, of network: Network) -> String?

  /// Whether the maps are made of the derivatives of ``MapRequest/explained(_:)``, as ``MapRequest/gradients(_:sign:)``
  /// gives them, so that they can also explain the difference of logits (``FinerCAM``). False by default.
  var explainsLogit: Bool { get }

  /// Fixed names for some methods of this type, such as published ones; none by default.
  static var named: [(name: String, method: Self)] { get }

  /// The form of all other names, for messages. It is nil, the default, if there are none or if they are those of
  /// ``named`` with a number after a colon.
  static var form: String? { get }

  /// Parses another name of this type; nil, the default, if the name does not belong to this type.
  ///
  /// - Parameter name: the parsed name.
  /// - Returns: the method.
  /// - Throws: an error if the name belongs to this type but is wrong, for example if a number is out of range.
  static func parse(_ name: MethodName) throws(Method.Malformed) -> Self?
}

extension SaliencyMethod {
  public func obstacle(at layer: String, of network: Network) -> String? { nil }
  public var explainsLogit: Bool { false }
  public static var named: [(name: String, method: Self)] { [] }
  public static var form: String? { nil }
  public static func parse(_ name: MethodName) throws(Method.Malformed) -> Self? { nil }
}
