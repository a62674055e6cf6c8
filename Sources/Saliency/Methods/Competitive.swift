import Networks
import Tensors

/// After Gupta and Arora 2019, around any method: what of its map is larger there than its map for every one of the likeliest
/// other classes, so many of them; 0 elsewhere. `competitive:4/grad_cam` says how many classes compete.
public struct Competitive: SaliencyMethod {
  /// The method whose maps compete.
  public var method: Method
  /// Other classes.
  public var rivals: Int
  /// As many other classes as there are if a name says nothing of them.
  public static let usualRivals = 9
  /// As many as there may be classes.
  private static let mostRivals = 100_000

  /// Against 9 other classes unless told otherwise.
  public init(_ method: Method, rivals: Int = usualRivals) { (self.method, self.rivals) = (method, rivals) }

  public var name: String { (rivals == Self.usualRivals ? "competitive/" : "competitive:\(rivals)/") + "\(method)" }

  public static var form: String? { "competitive/ before any of these" }

  public static func parse(_ name: MethodName) throws(Method.Malformed) -> Competitive? {
    guard name.word == "competitive" else { return nil }
    let rivals = try name.number(of: "rivals", upTo: mostRivals, usually: usualRivals)
    return Competitive(try name.inner(), rivals: rivals)
  }

  public func obstacle(at layer: String, of network: Network) -> String? {
    network.classes < 2
      ? "compares classes, and the network has only one class" : method.base.obstacle(at: layer, of: network)
  }

  public func maps(_ request: MapRequest) -> [Tensor] {
    let (inference, classes) = (request.inference, request.classes)
    let width = inference.output.logits.shape[1]
    let scores = inference.output.logits.doubles
    let order = classes.enumerated().map { image, own in
      (0..<width).filter { $0 != own }.sorted { scores[image * width + $0] > scores[image * width + $1] }
    }
    let own = request.maps(method)
    let others = (0..<min(rivals, width - 1)).map { rank in
      inference.maps(method, of: order.map { $0[rank] }, at: request.layers)
    }
    return own.indices.map { layer in
      let stacked = Tensor.concatenated(
        others.map { $0[layer].detached() }.map { $0.reshaped($0.shape + [1]) }, axis: 3)
      return own[layer].gated(by: own[layer].detached() - stacked.maximum())
    }
  }
}

extension Method {
  /// After Gupta and Arora 2019, around another method.
  public static func competitive(_ method: Method, rivals: Int) -> Method {
    Method(Competitive(method, rivals: rivals))
  }
}
