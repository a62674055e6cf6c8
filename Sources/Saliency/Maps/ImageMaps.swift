import Networks
import Tensors

/// The maps of one image by one network. Each map is made once, even if several measures use it. All maps of an
/// evaluation are made here, both plain ones and those after a virtual update.
public final class ImageMaps {
  /// A set of methods and layers whose maps are made together.
  public struct Kind: Hashable, Sendable {
    /// The saliency methods.
    public var methods: [Method]
    /// The layers at which maps are made.
    public var layers: [String]

    /// Creates a set of all methods at all layers.
    public init(methods: [Method], layers: [String]) { (self.methods, self.layers) = (methods, layers) }

    /// This set if it includes the method and the layers, so that maps that are needed anyway are reused; otherwise a
    /// set of just these.
    public func covering(_ method: Method, _ layers: [String]) -> Kind {
      methods.contains(method) && layers.allSatisfy(self.layers.contains)
        ? self : Kind(methods: [method], layers: layers)
    }
  }

  private struct Request: Hashable {
    let kind: Kind
    let class_: Int
    let update: InnerUpdate?
  }

  private let start: Inference
  private var known: [Request: [[ImageMap]]] = [:]

  /// Creates the maps of an image.
  ///
  /// - Parameter start: the network's pass over one image; its parameters must be tracked if maps after updates are
  ///   used.
  public init(_ start: Inference) { self.start = start }

  /// The height and width of maps at a layer, before they are resized to the image; nil if the activation of the layer
  /// is not kept.
  func size(at layer: String) -> (height: Int, width: Int)? {
    start.output.activations[layer].map { ($0.shape[1], $0.shape[2]) }
  }

  /// The maps of a class at the image's resolution, [method][layer]. They are made after the virtual update towards the
  /// class, or at plain weights if `update` is nil.
  public func callAsFunction(_ kind: Kind, of class_: Int, after update: InnerUpdate?) -> [[ImageMap]] {
    let request = Request(kind: kind, class_: class_, update: update)
    if let maps = known[request] { return maps }
    let maps = tensors(kind, of: class_, after: update).map { maps in
      maps.map { ImageMap($0, width: start.images.shape[2], height: start.images.shape[1]) }
    }
    known[request] = maps
    return maps
  }

  /// The maps of a class by one method, in the layers' order.
  ///
  /// - Parameters:
  ///   - method: the saliency method.
  ///   - layers: the layers at which maps are made.
  ///   - class_: the explained class.
  ///   - update: the virtual update towards the class before the maps are made; nil for none.
  ///   - kind: the methods and layers whose maps are made anyway. If it includes the method and the layers, all its
  ///     maps are made together.
  /// - Returns: one map per layer.
  public func callAsFunction(
    _ method: Method, at layers: [String], of class_: Int, after update: InnerUpdate?, among kind: Kind
  ) -> [ImageMap] {
    let kind = kind.covering(method, layers)
    let maps = self(kind, of: class_, after: update)
    return zip(kind.methods, maps).first { $0.0 == method }.map { _, maps in
      layers.compactMap { layer in kind.layers.firstIndex(of: layer).map { maps[$0] } }
    } ?? []
  }

  /// Makes the maps of a class at the layers' own resolutions, [1, h, w] each. They are not kept.
  ///
  /// - Parameters:
  ///   - kind: the methods and layers.
  ///   - class_: the explained class.
  ///   - update: the virtual update towards the class before the maps are made; nil for none.
  /// - Returns: the maps, [method][layer].
  public func tensors(_ kind: Kind, of class_: Int, after update: InnerUpdate?) -> [[Tensor]] {
    var inference = start
    if let update {
      let moved = update.applied(to: start.network, start.images, start.output, towards: [class_])
      inference = Inference(moved, start.images, capturing: kind.layers)
    } else if kind.layers.contains(where: { start.output.activations[$0] == nil }) {
      inference = Inference(start.network, start.images, capturing: kind.layers)
    }
    return inference.maps(kind.methods, of: [class_], at: kind.layers)
  }
}
