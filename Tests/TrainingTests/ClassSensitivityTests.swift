import Datasets
import Formats
import Foundation
import Learning
import Networks
import Saliency
import TestSupport
import Testing

@testable import Tensors
@testable import Training

/// Class sensitivity in float64 against torch and scipy (Fixtures/make_class_sensitivity.py).
@Suite("Class sensitivity against torch and scipy", .serialized) struct ClassSensitivityTests {
  private struct Expected: Decodable {
    let rate: Double
    let layers: [String]
    let values: [String: [Double?]]
    let images: [String]?
  }

  private let expected: [String: Expected]

  init() throws {
    expected = try JSONDecoder().decode(
      [String: Expected].self, from: try Data(contentsOf: URL(fileURLWithPath: fixture("class_sensitivity.json"))))
  }

  @Test("of a ResNet-18 at 224 pixels, at layers where maps are constant too")
  func residual() throws {
    var network = Architecture.resnet18.network(classes: 1000, seed: nil)
    fill(&network)
    try check(network, try #require(expected["resnet18"]), (0..<3).map { formulaImage(phase: Double($0)) })
  }

  @Test(
    "of SqueezeNet on photographs, whose least likely class often has logit 0",
    .enabled(if: Shared.exists("data/imagenet"), "../shared/data is not there"))
  func squeezed() throws {
    let expected = try #require(expected["squeezenet1_0"])
    let weights = try WeightFile.read(Shared.path("data/weights/squeezenet1_0-imagenet.safetensors"))
    let network = try Architecture.squeezenet1_0.network(classes: 1000, seed: nil).loading(weights.entries)
    let normalization = Normalization(mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
    let images = try #require(expected.images).map { name in
      let path = Shared.path("data/imagenet/images/\(name)")
      let sample = Sample(image: try RGBImage(contentsOf: path), label: 0, source: path)
      return normalization([try ResizeCrop(resize: 256, crop: 224)(sample).image])
    }
    try check(network, expected, images)
  }

  @Test(
    "maps that are constant in exact arithmetic vary by less than a tenth of the rounding tolerance",
    arguments: [
      ("resnet18", "layer4"), ("resnet50", "layer4"), ("densenet121", "relu"), ("mobilenet_v2", "features.18"),
    ])
  func rounding(_ name: String, _ layer: String) throws {
    let architecture = try #require(Architecture(name))
    for type in ScalarType.allCases {
      var network = architecture.network(classes: 10, seed: nil)
      fill(&network)
      network = network.converted(to: type)
      network = network.with(parameters: network.parameters.map { $0.tracked() })
      let image = formulaImage(phase: 0, size: 96).converted(to: type)
      let start = Inference(network, image, capturing: [layer])
      let moved = InnerUpdate(rate: 0.01).applied(to: network, image, start.output, towards: [3])
      for inference in [start, Inference(moved, image, capturing: [layer])] {
        // Before global average pooling and a linear layer the gradient is the same at all locations.
        let values = inference.maps(.gradient, of: [3], at: [layer])[0].doubles
        let (low, high) = (values.min() ?? 0, values.max() ?? 0)
        #expect(values.count >= 9 && high > 0)
        #expect((high - low) / high < type.mapTolerance / 10, "\(name) \(type): \((high - low) / high)")
      }
    }
  }

  private func check(_ network: Network, _ expected: Expected, _ images: [Tensor]) throws {
    let methods: [Saliency.Method] = [.normGrad, .gradient, .linearApproximation, .gradCAM]
    let evaluation = Evaluation(methods: methods, layers: expected.layers, virtualRate: expected.rate)
    var result = Evaluation.Result()
    for (index, image) in images.enumerated() {
      let batch = Batch(
        images: image, labels: [0], targets: [[Target(0)]], objects: [[]], rgbImages: [], indices: [index])
      try evaluation.measure(network, batch, workers: 2, into: &result)
    }
    var undefined = 0
    for setting in evaluation.settings {
      let key = "\(setting.method) \(setting.layer) \(setting.weights.rawValue)"
      let found = try #require(result.sensitivity[setting]).values
      let values = try #require(expected.values[key])
      #expect(found.count == values.count)
      for (found, value) in zip(found, values) {
        guard let value else {
          undefined += 1
          #expect(found == .undefined("constant map"), "\(key)")
          continue
        }
        #expect(abs((found.number ?? .nan) - value) < 1e-6, "\(key): \(found) against \(value)")
      }
    }
    #expect(undefined > 0)
  }

  /// Sets the weights by the formula at the beginning of `../NetworksTests/Fixtures/make_zoo.py`.
  private func fill(_ network: inout Network) {
    var entry = 0.0
    network.visit { name, kind, tensor in
      entry += 1
      let shape = kind == .kernel ? [3, 2, 0, 1].map { tensor.shape[$0] } : tensor.shape
      let isNorm = shape.count == 1 && name.hasSuffix(".weight")
      let root = Double(shape.dropFirst().reduce(1, *)).squareRoot()
      let values = (1...tensor.count).map { k -> Float in
        let s = sin(12.9898 * Double(k) + 78.233 * entry)
        if shape.count >= 2 { return Float(s * 2 / root) }
        if name.hasSuffix("running_var") { return Float(1 + 0.1 * s) }
        return Float(isNorm ? 0.5 + 0.1 * s : 0.1 * s)
      }
      let value = Tensor(values, shape: shape)
      tensor = kind.fromFiles(value)
    }
  }

  private func formulaImage(phase: Double, size: Int = 224) -> Tensor {
    var values: [Double] = []
    for i in 0..<size {
      for j in 0..<size {
        for c in 0..<3 {
          values.append(sin(0.1 * Double(i) + 0.2 * Double(j) + Double(c) + phase) + 0.5 * cos(0.05 * Double(i * j)))
        }
      }
    }
    return Tensor(values, shape: [1, size, size, 3])
  }
}
