import Networks
import Tensors

/// Methods that ask the network about more than the image itself.
extension Inference {
  /// Integrated gradients by the midpoint rule, of each layer's activation.
  func integratedGradients(_ steps: Int, of classes: [Int], at layers: [String], _ createGraph: Bool) -> [Tensor] {
    let zeros = Tensor.zeros(images.shape, images.scalarType)
    let baseline = network(zeros, capturing: layers)
    return layers.map { layer in
      guard let start = baseline.activations[layer] else { preconditionFailure("Inference: no layer \(layer)") }
      let from = createGraph ? start : start.detached()
      let difference = activation(layer, createGraph) - from
      let derivatives = (0..<steps).map { step in
        let point = from + difference * ((Double(step) + 0.5) / Double(steps))
        let variable = point.isTracked ? point : point.tracked()
        let logits = network(images, replacing: [layer: variable]).logits.takenAlongLastAxis(classes)
        return gradients(of: logits, withRespectTo: [variable], createGraph: createGraph)[0]
      }
      let mean = derivatives.dropFirst().reduce(derivatives[0]) { $0 + $1 } / Double(steps)
      return (difference * mean).sum([3])
    }
  }

  /// SmoothGrad around any method. All images get the same noise, scaled to their range, so that an image's map does not
  /// depend on the others.
  func smoothed(
    _ method: Method, _ samples: Int, of classes: [Int], at layers: [String], _ createGraph: Bool
  ) -> [Tensor] {
    let pixels = images.detached().reshaped([images.shape[0], -1])
    let range = (pixels.maximum() + (-pixels).maximum()).reshaped([-1, 1, 1, 1])
    let one = [1] + images.shape.dropFirst()
    var sums: [Tensor] = []
    for sample in 0..<samples {
      var random = RandomSource(seed: 0, purpose: "smooth", sample)
      let noise = Tensor.normal(one, images.scalarType, using: &random) * range * 0.15
      let maps = Inference(network, images + noise, capturing: layers)
        .maps(method, of: classes, at: layers, createGraph: createGraph)
      sums = sums.isEmpty ? maps : zip(sums, maps).map { $0 + $1 }
    }
    return sums.map { $0 / Double(samples) }
  }

  /// RISE: masks of 7×7 random cells, half of them open, enlarged bilinearly and shifted by up to a cell.
  func rise(_ masks: Int, of classes: [Int], _ createGraph: Bool) -> Tensor {
    let network = createGraph ? network : network.with(parameters: network.parameters.map { $0.detached() })
    let cells = 7
    let (height, width) = (images.shape[1], images.shape[2])
    let cell = ((height + cells - 1) / cells, (width + cells - 1) / cells)
    var random = RandomSource(seed: 0, purpose: "rise")
    var sum: Tensor?
    for _ in 0..<masks {
      let grid = (0..<(cells * cells)).map { _ in random.uniform() < 0.5 ? 1.0 : 0.0 }
      let (y, x) = (Int.random(in: 0..<cell.0, using: &random), Int.random(in: 0..<cell.1, using: &random))
      let mask = Tensor(grid, shape: [1, cells, cells, 1]).converted(to: images.scalarType)
        .resized(height: (cells + 1) * cell.0, width: (cells + 1) * cell.1)
        .sliced(axis: 1, from: y, length: height).sliced(axis: 2, from: x, length: width)
      let probability = (network(images * mask).logits.crossEntropy(to: classes) * -1).exp
      let term = probability.reshaped([-1, 1, 1]) * mask.reshaped([1, height, width])
      sum = sum.map { $0 + term } ?? term
    }
    return (sum ?? .zeros([images.shape[0], height, width], images.scalarType)) / (Double(masks) * 0.5)
  }

  /// What of each map is larger there than the maps of the likeliest other classes.
  func winners(
    _ method: Method, _ rivals: Int, of classes: [Int], at layers: [String], _ createGraph: Bool
  ) -> [Tensor] {
    let width = output.logits.shape[1]
    let scores = output.logits.doubles
    let order = classes.enumerated().map { image, own in
      (0..<width).filter { $0 != own }.sorted { scores[image * width + $0] > scores[image * width + $1] }
    }
    let own = maps(method, of: classes, at: layers, createGraph: createGraph)
    let others = (0..<min(rivals, width - 1)).map { rank in maps(method, of: order.map { $0[rank] }, at: layers) }
    return own.indices.map { layer in
      let stacked = Tensor.concatenated(
        others.map { $0[layer].detached() }.map { $0.reshaped($0.shape + [1]) }, axis: 3)
      return own[layer].gated(by: own[layer].detached() - stacked.maximum())
    }
  }
}
