import Networks
import Tensors

/// The maps of one image by a network, each made once however many measures ask for it. This is the one place where maps of an
/// evaluation are made, plain ones and those after a virtual update.
public final class ImageMaps {
  /// What maps are made of, all at once.
  public struct Kind: Hashable, Sendable {
    /// How maps are made.
    public var methods: [Method]
    /// Where maps are made.
    public var layers: [String]

    /// All methods at all layers.
    public init(methods: [Method], layers: [String]) { (self.methods, self.layers) = (methods, layers) }

    /// This, if it has the method and layers, which then come with what is made anyway; else just these.
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

  /// - Parameter start: the network's pass over one image; its parameters are tracked if updates are asked for.
  public init(_ start: Inference) { self.start = start }

  /// The maps of a class at the image's resolution, [method][layer]. They are made after the virtual update towards the
  /// class, or without one if `update` is nil.
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
  ///   - method: how maps are made.
  ///   - layers: where maps are made.
  ///   - class_: the class explained.
  ///   - update: the virtual update towards the class after which they are made; nil for none.
  ///   - kind: what is made anyway. If it has the method and the layers, their maps come with all of it.
  /// - Returns: one for each layer.
  public func callAsFunction(
    _ method: Method, at layers: [String], of class_: Int, after update: InnerUpdate?, among kind: Kind
  ) -> [ImageMap] {
    let kind = kind.covering(method, layers)
    let maps = self(kind, of: class_, after: update)
    return zip(kind.methods, maps).first { $0.0 == method }.map { _, maps in
      layers.compactMap { layer in kind.layers.firstIndex(of: layer).map { maps[$0] } }
    } ?? []
  }

  /// The same at the layers' own resolutions, [1, h, w], made anew.
  ///
  /// - Parameters:
  ///   - kind: how and where maps are made.
  ///   - class_: the class explained.
  ///   - update: the virtual update towards the class after which they are made; nil for none.
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
