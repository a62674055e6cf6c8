import Networks
import Tensors

/// Finer-CAM (Zhang et al. 2025, "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation")
/// around any method that is made of the gradient of a logit: in place of the logit y_c it explains
///
///     y_c − α · mean over d of y_d
///
/// over the k classes d that are most similar to c, so that what they share with c cancels. The most similar classes
/// are those whose logits are closest to that of c, as in the authors' implementation; of equally close ones the first.
/// As there, k is 3 and α is 0.6 by default; `finer:5/grad_cam` states k, `finer:5:1/grad_cam` also α.
public struct FinerCAM: SaliencyMethod {
  /// The method whose maps are made of the difference.
  public var method: Method
  /// The number of similar classes, k.
  public var similar: Int
  /// The factor of their mean logit, α.
  public var strength: Double
  /// The number of similar classes if the name does not state one.
  public static let usualSimilar = 3
  /// The factor if the name does not state one.
  public static let usualStrength = 0.6
  /// The largest number of similar classes, which is that of a network's classes.
  private static let mostSimilar = 100_000

  /// Creates the method; by default with the authors' values.
  public init(_ method: Method, similar: Int = usualSimilar, strength: Double = usualStrength) {
    (self.method, self.similar, self.strength) = (method, similar, strength)
  }

  public var name: String {
    let numbers =
      strength != Self.usualStrength
      ? ":\(similar):\(strength)" : similar == Self.usualSimilar ? "" : ":\(similar)"
    return "finer\(numbers)/\(method)"
  }

  public static var form: String? { "finer/ before those that are made of a logit's gradient" }

  public static func parse(_ name: MethodName) throws(Method.Malformed) -> FinerCAM? {
    guard name.word == "finer" else { return nil }
    let numbers = name.numeral?.split(separator: ":", omittingEmptySubsequences: false) ?? []
    let similar = numbers.isEmpty ? usualSimilar : Int(numbers[0]) ?? 0
    let strength = numbers.count < 2 ? usualStrength : Double(numbers[1]) ?? .nan
    guard (1...mostSimilar).contains(similar), (0...100).contains(strength), numbers.count < 3 else {
      throw Method.Malformed(
        description:
          "'\(name.text)': finer:K:A/ has a number of similar classes K from 1 to \(mostSimilar) and a factor A "
          + "from 0 to 100")
    }
    let method = try name.inner()
    guard method.base.explainsLogit else {
      throw Method.Malformed(
        description:
          "'\(name.text)': finer/ goes around a method that is made of a logit's gradient, such as grad_cam, "
          + "not around \(method)")
    }
    return FinerCAM(method, similar: similar, strength: strength)
  }

  public func obstacle(at layer: String, of network: Network) -> String? {
    network.classes < 2
      ? "compares classes, and the network has only one class" : method.base.obstacle(at: layer, of: network)
  }

  public func maps(_ request: MapRequest) -> [Tensor] {
    let width = request.inference.output.logits.shape[1]
    let scores = request.inference.output.logits.doubles
    let order = request.classes.enumerated().map { image, own in
      let logits = scores[(image * width)..<((image + 1) * width)]
      func distance(_ other: Int) -> Double { abs(logits[image * width + other] - logits[image * width + own]) }
      return (0..<width).filter { $0 != own }.sorted { (distance($0), $0) < (distance($1), $1) }
    }
    let classes = (0..<min(similar, width - 1)).map { rank in order.map { $0[rank] } }
    return request.contrasted(with: LogitContrast(classes: classes, strength: strength)).maps(method)
  }
}

extension Method {
  /// Finer-CAM (Zhang et al. 2025) around another method, whose maps are made of a logit's gradient.
  public static func finer(_ method: Method, similar: Int, strength: Double) -> Method {
    Method(FinerCAM(method, similar: similar, strength: strength))
  }
}
