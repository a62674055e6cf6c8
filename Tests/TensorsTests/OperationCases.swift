import TestSupport
import Testing

@testable import Tensors

/// An operation with inputs at which its derivatives are checked.
struct OperationCase: Sendable, CustomTestStringConvertible {
  let name: String
  let inputs: [Tensor]
  let function: DerivativeCheck.Function
  var testDescription: String { name }

  init(_ name: String, _ shapes: [[Int]], positive: Bool = false, _ function: @escaping DerivativeCheck.Function) {
    var random = RandomSource(seed: 1, purpose: name)
    self.name = name
    self.function = function
    inputs = shapes.map { shape in
      .uniform(shape, from: positive ? 0.5 : -1, to: positive ? 1.5 : 1, .float64, using: &random)
    }
  }

  /// The cotangents of the inputs under a rule, concatenated, as a function of the inputs and a cotangent.
  func pullback(_ rule: BackwardRule) -> DerivativeCheck.Function {
    { [function] all in
      let inputs = all.dropLast().map { $0.isTracked ? $0 : $0.tracked() }
      let derivatives = gradients(
        of: function(inputs), withRespectTo: inputs, cotangents: all[all.count - 1], rule: rule, createGraph: true)
      return .concatenated(derivatives.map { $0.reshaped([-1]) }, axis: 0)
    }
  }

  /// All operations, with various strides, paddings, odd sizes and remainders.
  static let all: [OperationCase] = elementwise + reductions + normalizations + movement + products + images + losses

  static let elementwise = [
    OperationCase("add", [[3, 5], [3, 5]]) { $0[0] + $0[1] },
    OperationCase("add a row to columns", [[4, 1, 3], [2, 1]]) { $0[0] + $0[1] },
    OperationCase("subtract a scalar", [[3, 5], []]) { $0[0] - $0[1] },
    OperationCase("subtract from a row", [[5], [2, 3, 5]]) { $0[0] - $0[1] },
    OperationCase("multiply", [[17], [17]]) { $0[0] * $0[1] },
    OperationCase("multiply by itself", [[7]]) { $0[0] * $0[0] },
    OperationCase("multiply rows and columns", [[2, 3, 1], [3, 19]]) { $0[0] * $0[1] },
    OperationCase("multiply and sum", [[2, 3, 19], [2, 3, 19]]) { $0[0].contracted($0[1], to: [3, 1]) },
    OperationCase("add a multiple", [[2, 19], [2, 19]]) { $0[0].adding($0[1], times: -1.5) },
    OperationCase("divide", [[3, 4], [4]], positive: true) { $0[0] / $0[1] },
    OperationCase("scale and shift", [[9]]) { $0[0] * 1.5 - 0.25 },
    OperationCase("exp", [[5]]) { $0[0].exp },
    OperationCase("log", [[5]], positive: true) { $0[0].log },
    OperationCase("sigmoid", [[5]]) { $0[0].sigmoid },
    OperationCase("erf", [[5]]) { $0[0].erf },
    OperationCase("square root", [[5]], positive: true) { $0[0].sqrt },
    OperationCase("reciprocal", [[5]], positive: true) { $0[0].reciprocalOrZero },
    OperationCase("relu", [[37]]) { $0[0].relu * $0[0] },
    OperationCase("gate", [[37]]) { $0[0].gated(by: $0[0]) * $0[0] },
    OperationCase("limit", [[37]]) { $0[0].limited(to: 0.25) * $0[0] },
    OperationCase("join", [[2, 5], [2, 5]]) { $0[0].residualAdd($0[1]) * $0[1] },
    OperationCase("abs", [[11]]) { $0[0].abs },
  ]

  static let reductions = [
    OperationCase("broadcast", [[3, 1, 5]]) { $0[0].broadcast(to: [2, 3, 4, 5]) },
    OperationCase("sum to a row", [[2, 3, 21]]) { $0[0].summed(to: [21]) },
    OperationCase("sum over inner axes", [[2, 3, 5, 7]]) { $0[0].sum([1, 3]) },
    OperationCase("sum of a long row", [[2, 67]]) { $0[0].sum([1]) },
    OperationCase("mean", [[4, 5]]) { $0[0].mean() },
    OperationCase("norm over channels", [[2, 3, 3, 19]]) { $0[0].norm([3]) },
    OperationCase("norm over locations", [[2, 3, 4]]) { $0[0].norm([0, 1], keepDims: true) },
    OperationCase("maximum", [[5, 7]]) { $0[0].maximum() },
    OperationCase("soft ranks", [[2, 9]]) { ($0[0] * 4).softRanks() },
    OperationCase("center blocks", [[2, 3]]) { $0[0].centered(inBlocks: [0, 1, 0, 5, 5, 0]) },
  ]

  /// Batch norm with constant statistics, alone and fused with what follows it; 13 channels are a vector and a
  /// remainder.
  static let normalizations =
    [[13], [2, 13]].flatMap { vectors in
      [(false, false), (true, false), (false, true), (true, true)].map { adds, relu in
        let shapes = [[2, 3, 2, 13], vectors, vectors] + (adds ? [[2, 3, 2, 13]] : [])
        let form = vectors.count > 1 ? " each image by its own" : ""
        return OperationCase(
          "normalize\(form)\(adds ? ", add" : "")\(relu ? ", relu" : "")", shapes
        ) {
          $0[0].normalized(
            mean: vector(of: $0[0]), rate: vector(of: $0[0]).squared, weight: $0[1], bias: $0[2],
            residual: adds ? $0[3] : nil, relu: relu)
        }
      }
    }
    + [false, true].flatMap { isCentred in
      @Sendable func statistics(_ x: Tensor) -> Tensor.Statistics {
        .init(center: isCentred ? vector(of: x) : nil, rate: vector(of: x).squared)
      }
      return [
        OperationCase("standardized product \(isCentred)", [[2, 3, 2, 13], [13]]) {
          $0[0].standardizedProduct($0[1], statistics($0[0]))
        },
        OperationCase("standardized sum \(isCentred)", [[2, 3, 2, 13], [2, 3, 2, 13]]) {
          $0[0].standardizedSum($0[1], statistics($0[0]), to: [13])
        },
        OperationCase("standardized product for each image \(isCentred)", [[2, 3, 2, 13], [2, 13]]) {
          $0[0].standardizedProduct($0[1], statistics($0[0]))
        },
        OperationCase("standardized sum of each image \(isCentred)", [[2, 3, 2, 13], [2, 3, 2, 13]]) {
          $0[0].standardizedSum($0[1], statistics($0[0]), to: [2, 13])
        },
      ]
    }
    + [(false, [13]), (true, [13]), (false, [2, 13]), (true, [2, 13])].map { relu, shape in
      OperationCase("bias \(shape)\(relu ? ", relu" : "")", [[2, 3, 2, 13], shape]) {
        $0[0].biased(by: $0[1], relu: relu) * $0[0]
      }
    }

  /// A constant for each channel of an image, of the image's type.
  private static func vector(of image: Tensor) -> Tensor {
    Tensor((0..<image.shape[image.rank - 1]).map { 0.5 + 0.05 * Double($0) }).converted(to: image.scalarType)
  }

  static let movement = [
    OperationCase("reshape", [[6, 4]]) { $0[0].reshaped([2, 3, -1]) },
    OperationCase("permute", [[2, 3, 4, 5]]) { $0[0].permuted([2, 0, 3, 1]) },
    OperationCase("slice", [[3, 7, 2]]) { $0[0].sliced(axis: 1, from: 1, length: 3, step: 2) },
    OperationCase("slices of one", [[7, 2]]) {
      $0[0].sliced(axis: 0, from: 1, length: 4) * $0[0].sliced(axis: 0, from: 3, length: 4)
    },
    OperationCase("place", [[3, 4, 2]]) { $0[0].placed(axis: 1, at: 2, step: 3, in: 13) },
    OperationCase("pad", [[2, 3]]) { $0[0].padded(axis: 1, before: 2, after: 1) },
    OperationCase("concatenate", [[2, 3, 2], [2, 1, 2], [2, 4, 2]]) { .concatenated($0, axis: 1) },
    OperationCase("gather", [[3, 4]]) { $0[0].gather([0, 5, 5, -1, 11, 2], shape: [2, 3]) },
    OperationCase("scatter", [[6]]) { $0[0].scatter([0, 5, 5, -1, 11, 2], shape: [3, 4]) },
    OperationCase("pick", [[3, 4]]) { $0[0].takenAlongLastAxis([3, 0, 1]) },
  ]

  static let products =
    [(false, false), (true, false), (false, true), (true, true)].flatMap { a, b in
      [
        OperationCase("product \(a) \(b)", [a ? [4, 3] : [3, 4], b ? [5, 4] : [4, 5]]) {
          .product($0[0], transposed: a, $0[1], transposed: b)
        },
        OperationCase("batched product \(a) \(b)", [a ? [2, 4, 3] : [2, 3, 4], b ? [2, 5, 4] : [2, 4, 5]]) {
          .product($0[0], transposed: a, $0[1], transposed: b)
        },
      ]
    }

  /// The geometries of convolutions: an image, a kernel (with a leading axis: one per image) and a geometry.
  static let convolutions: [(name: String, image: [Int], kernel: [Int], geometry: ConvolutionGeometry)] = [
    ("1×1", [2, 3, 3, 3], [1, 1, 3, 4], .init()),
    ("3×3 padded", [2, 5, 4, 3], [3, 3, 3, 2], .init(padding: .init(1))),
    ("3×3 strided with a remainder", [1, 6, 7, 2], [3, 3, 2, 3], .init(stride: .init(2), padding: .init(1))),
    ("1×1 strided", [2, 5, 5, 3], [1, 1, 3, 2], .init(stride: .init(2))),
    ("dilated", [1, 7, 8, 2], [3, 2, 2, 2], .init(padding: .init(2, 1), dilation: .init(2, 3))),
    ("uneven", [1, 6, 5, 2], [2, 3, 2, 1], .init(stride: .init(1, 2), padding: .init(0, 1))),
    ("grouped", [2, 4, 4, 6], [3, 3, 2, 9], .init(padding: .init(1), groups: 3)),
    ("depthwise strided", [1, 5, 5, 4], [3, 3, 1, 4], .init(stride: .init(2), padding: .init(1), groups: 4)),
    ("one kernel per image", [3, 4, 4, 2], [3, 3, 3, 2, 3], .init(padding: .init(1))),
    ("one kernel per image, grouped, strided", [2, 5, 5, 4], [2, 3, 3, 2, 4], .init(stride: .init(2), groups: 2)),
    // Whole vectors of channels, for which Winograd's algorithm is used.
    ("3×3 of 8 channels", [2, 5, 6, 8], [3, 3, 8, 16], .init(padding: .init(1))),
    ("3×3 of 16 channels, no padding", [1, 7, 6, 16], [3, 3, 16, 8], .init()),
    ("3×3 of 8 channels, uneven padding", [1, 4, 3, 8], [3, 3, 8, 8], .init(padding: .init(2, 1))),
    ("3×3 of 8 channels, one kernel per image", [2, 4, 5, 8], [2, 3, 3, 8, 8], .init(padding: .init(1))),
    ("3×3 of 8 channels, large tiles", [1, 12, 13, 8], [3, 3, 8, 8], .init(padding: .init(1))),
    ("7×7 stem", [1, 9, 9, 3], [7, 7, 3, 2], .init(stride: .init(2), padding: .init(3))),
  ]

  static let images =
    convolutions.flatMap { name, image, kernel, geometry in
      [
        OperationCase("convolution \(name)", [image, kernel]) { $0[0].convolved(with: $0[1], geometry) },
        OperationCase("convolution's image gradient \(name)", [image, kernel]) { inputs in
          let (x, w) = (inputs[0].isTracked ? inputs[0] : inputs[0].tracked(), inputs[1])
          let y = x.convolved(with: w, geometry)
          return gradients(of: (y * y * 0.5).sum(), withRespectTo: [x], createGraph: true)[0]
        },
        OperationCase("convolution's kernel gradient \(name)", [image, kernel]) { inputs in
          let (x, w) = (inputs[0], inputs[1].isTracked ? inputs[1] : inputs[1].tracked())
          let y = x.convolved(with: w, geometry)
          return gradients(of: (y * y * 0.5).sum(), withRespectTo: [w], createGraph: true)[0]
        },
      ]
    } + [
      OperationCase("resize up", [[2, 3, 4, 2]]) { $0[0].resized(height: 7, width: 5) },
      OperationCase("resize down", [[1, 9, 8, 2]]) { $0[0].resized(height: 4, width: 3) },
      OperationCase("average pool", [[2, 5, 6, 3]]) { $0[0].averagePooled(window: 3, stride: 2, padding: 1) },
      OperationCase("adaptive average pool", [[2, 5, 4, 3]]) { $0[0].adaptivelyAveragePooled(height: 3, width: 7) },
      OperationCase("max pool covering edges", [[2, 6, 8, 2]]) {
        $0[0].maxPooled(window: 3, stride: 2, coveringEdges: true)
      },
      OperationCase("max pool", [[2, 5, 6, 3]]) { $0[0].maxPooled(window: 3, stride: 2, padding: 1) },
      OperationCase("global average pool", [[2, 3, 3, 5]]) { $0[0].globalAveragePooled() },
    ]

  static let losses = [
    OperationCase("recompute a residual block", [[2, 4, 3, 3], [3, 3, 3, 3], [3], [3]]) {
      .recomputed($0) {
        $0[0].convolved(with: $0[1], .init(padding: .init(1))).normalized(
          mean: vector(of: $0[0]), rate: vector(of: $0[0]), weight: $0[2], bias: $0[3], residual: $0[0], relu: true)
      }
    },
    OperationCase(
      "recompute blocks within a block, for each image", [[2, 3, 3, 2], [2, 1, 1, 2, 2], [2, 2], [2, 2]]
    ) {
      .recomputed($0) { inputs in
        .recomputed(inputs) { $0[0].convolved(with: $0[1]).biased(by: $0[2], relu: true).residualAdd($0[0]) }
          .normalized(
            mean: vector(of: inputs[0]), rate: vector(of: inputs[0]), weight: inputs[2], bias: inputs[3],
            residual: inputs[0])
      }
    },
    OperationCase("recompute", [[1, 4, 3, 2], [3, 3, 2, 3], [3]]) {
      .recomputed($0) { ($0[0].convolved(with: $0[1], .init(padding: .init(1))) * $0[2]).squared.sum([3]) }
    },
    OperationCase("log-sum-exp", [[3, 5]]) { $0[0].logSumExp() },
    OperationCase("softmax", [[2, 4]]) { $0[0].softmax() },
    OperationCase("cross-entropy", [[3, 5]]) { $0[0].crossEntropy(to: [4, 0, 2]) },
    OperationCase("cross-entropy to shares", [[3, 4], [3, 4]]) { $0[0].crossEntropy(toSoftTargets: $0[1]) },
    OperationCase("soft plus", [[7]]) { $0[0].softPlus },
    OperationCase("binary cross-entropy", [[3, 4], [3, 4]]) { $0[0].binaryCrossEntropy(toSoftTargets: $0[1]) },
  ]
}
