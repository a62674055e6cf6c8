import Networks
import Tensors

/// Competitive saliency, after Gupta and Arora 2019, around any method. The map keeps its values where they are larger
/// than in the maps of all rival classes and is 0 elsewhere. The rivals are the most likely other classes;
/// `competitive:4/grad_cam` states their number.
public struct Competitive: SaliencyMethod {
  /// The method whose maps are compared.
  public var method: Method
  /// The number of rival classes.
  public var rivals: Int
  /// The number of rival classes if the name does not state one.
  public static let usualRivals = 9
  /// The largest number of rival classes, which is that of a network's classes.
  private static let mostRivals = 100_000

  /// Creates the method; by default with 9 rival classes.
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
  /// Competitive saliency around another method, after Gupta and Arora 2019.
  public static func competitive(_ method: Method, rivals: Int) -> Method {
    Method(Competitive(method, rivals: rivals))
  }
}
