import Components
import Networks
import Tensors

/// A way of making saliency maps.
///
/// A method is a value; its settings are part of its name, as recipes, tables and files call it: `grad_cam`, `rise:4000`,
/// `smooth/normgrad`. To add one, write one file with a type that conforms, and register it; its name can then stand wherever
/// a method's can, also behind `smooth/` and `competitive/`:
///
///     Registries.methods.register(Brightness())
///
/// Maps are made of operations that can be differentiated, so that every method can stand in an objective.
public protocol SaliencyMethod: Hashable, Sendable {
  /// What recipes, tables and files call it. There are no blanks and no commas in it.
  var name: String { get }

  /// The maps of one class for each image.
  ///
  /// - Parameter request: the network's answer to the images, the classes and the layers; and the backward passes, which are
  ///   shared with the other methods that are asked for at the same time.
  /// - Returns: [N, H, W] for each layer, at the layer's own resolution.
  func maps(_ request: MapRequest) -> [Tensor]

  /// Why the method has no map at a layer of a network, as the rest of a sentence that begins with its name; nil, as it is
  /// unless told otherwise, if it has.
  func obstacle(at layer: String, of network: Network) -> String?

  /// Names that stand for certain methods of this type, such as published ones. None unless told otherwise.
  static var named: [(name: String, method: Self)] { get }

  /// What its other names look like, for messages; nil, as it is unless told otherwise, if there are none or if they are
  /// those of ``named`` with a number behind a colon.
  static var form: String? { get }

  /// The method that another name stands for; nil, as it is unless told otherwise, if it stands for none of this type.
  ///
  /// - Parameter name: the name, taken apart.
  /// - Returns: the method.
  /// - Throws: what is wrong with a name of this type, such as a number out of its range.
  static func parse(_ name: MethodName) throws(Method.Malformed) -> Self?
}

extension SaliencyMethod {
  public func obstacle(at layer: String, of network: Network) -> String? { nil }
  public static var named: [(name: String, method: Self)] { [] }
  public static var form: String? { nil }
  public static func parse(_ name: MethodName) throws(Method.Malformed) -> Self? { nil }
}
