import Networks
import Tensors

/// SmoothGrad (Smilkov et al. 2017) around any method: the mean of its maps over noisy copies of the image. The std of
/// the noise is 0.15 of the image's range. All images get the same noise, scaled to their range, so that an image's map
/// does not depend on the other images. `smooth:50/gradient` states the number of copies.
public struct SmoothGrad: SaliencyMethod {
  /// The method whose maps are smoothed.
  public var method: Method
  /// The number of noisy copies; each needs its own passes.
  public var samples: Int
  /// The number of copies if the name does not state one.
  public static let usualSamples = 25
  /// The largest number of copies. Each needs passes through the network, whose graphs are kept in training.
  private static let mostSamples = 10_000

  /// Creates the method; by default with 25 copies.
  public init(_ method: Method, samples: Int = usualSamples) { (self.method, self.samples) = (method, samples) }

  public var name: String { (samples == Self.usualSamples ? "smooth/" : "smooth:\(samples)/") + "\(method)" }

  public static var form: String? { "smooth/ before any of these" }

  public static func parse(_ name: MethodName) throws(Method.Malformed) -> SmoothGrad? {
    guard name.word == "smooth" else { return nil }
    let samples = try name.number(of: "samples", upTo: mostSamples, usually: usualSamples)
    return SmoothGrad(try name.inner(), samples: samples)
  }

  public func obstacle(at layer: String, of network: Network) -> String? {
    method.base.obstacle(at: layer, of: network)
  }

  public func maps(_ request: MapRequest) -> [Tensor] {
    let images = request.inference.images
    let pixels = images.detached().reshaped([images.shape[0], -1])
    let range = (pixels.maximum() + (-pixels).maximum()).reshaped([-1, 1, 1, 1])
    let one = [1] + images.shape.dropFirst()
    var sums: [Tensor] = []
    for sample in 0..<samples {
      var random = RandomSource(seed: 0, purpose: "smooth", sample)
      let noise = Tensor.normal(one, images.scalarType, using: &random) * range * 0.15
      let maps = Inference(request.inference.network, images + noise, capturing: request.layers)
        .maps(method, of: request.classes, at: request.layers, createGraph: request.createGraph)
      sums = sums.isEmpty ? maps : zip(sums, maps).map { $0 + $1 }
    }
    return sums.map { $0 / Double(samples) }
  }
}

extension Method {
  /// SmoothGrad (Smilkov et al. 2017) around another method.
  public static func smooth(_ method: Method, samples: Int) -> Method { Method(SmoothGrad(method, samples: samples)) }
}
