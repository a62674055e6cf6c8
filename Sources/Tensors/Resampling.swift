/// A sparse linear map along one axis, stored by rows: output i is Σ weight · input[index]. Bilinear resizing and
/// average pooling apply two of these, one along the rows and one along the columns of an image.
public struct ResamplingTable: Sendable, Equatable {
  /// The sizes of the axis before and after.
  public let inputs, outputs: Int
  /// The entries of row i are those from `offsets[i]` up to `offsets[i + 1]`.
  let offsets: [Int]
  let indices: [Int]
  let weights: [Double]

  /// Creates a map from the entries of its rows; every index must be below `inputs`.
  public init(inputs: Int, rows: [[(index: Int, weight: Double)]]) {
    self.inputs = inputs
    outputs = rows.count
    var offsets = [0]
    for row in rows { offsets.append(offsets[offsets.count - 1] + row.count) }
    self.offsets = offsets
    indices = rows.flatMap { $0.map(\.index) }
    weights = rows.flatMap { $0.map(\.weight) }
    precondition(indices.allSatisfy { $0 >= 0 && $0 < inputs }, "ResamplingTable: an index outside 0..<\(inputs)")
  }

  /// The adjoint map.
  public var transposed: ResamplingTable {
    var rows = [[(index: Int, weight: Double)]](repeating: [], count: inputs)
    for row in 0..<outputs {
      for k in offsets[row]..<offsets[row + 1] { rows[indices[k]].append((row, weights[k])) }
    }
    return ResamplingTable(inputs: outputs, rows: rows)
  }

  /// Linear interpolation with half-pixel centers and without corner alignment: output i lies at (i + ½) ·
  /// inputs/outputs − ½, clamped to the axis.
  public static func linear(from inputs: Int, to outputs: Int) -> ResamplingTable {
    let scale = Double(inputs) / Double(outputs)
    return ResamplingTable(
      inputs: inputs,
      rows: (0..<outputs).map { i in
        let position = max(0, (Double(i) + 0.5) * scale - 0.5)
        let low = min(Int(position), inputs - 1)
        let fraction = position - Double(low)
        return low + 1 < inputs && fraction > 0 ? [(low, 1 - fraction), (low + 1, fraction)] : [(low, 1)]
      })
  }

  /// Averages over windows; zeros in the padding count.
  public static func average(over inputs: Int, window: Int, stride: Int, padding: Int) -> ResamplingTable {
    let outputs = (inputs + 2 * padding - window) / stride + 1
    return ResamplingTable(
      inputs: inputs,
      rows: (0..<outputs).map { i in
        let start = i * stride - padding
        return (max(0, start)..<min(inputs, start + window)).map { ($0, 1 / Double(window)) }
      })
  }

  /// Averages over windows that divide the axis evenly: output i is the mean of the inputs from ⌊i · inputs/outputs⌋ up
  /// to ⌈(i + 1) · inputs/outputs⌉. If `inputs` is not a multiple of `outputs`, windows overlap or repeat.
  public static func adaptiveAverage(from inputs: Int, to outputs: Int) -> ResamplingTable {
    ResamplingTable(
      inputs: inputs,
      rows: (0..<outputs).map { i in
        let window = (i * inputs / outputs)..<(((i + 1) * inputs + outputs - 1) / outputs)
        return window.map { ($0, 1 / Double(window.count)) }
      })
  }
}

extension Tensor {
  /// Applies the linear map `table` along `axis`; its derivative is the transposed table.
  public func resampled(axis: Int, _ table: ResamplingTable) -> Tensor {
    precondition(shape[axis] == table.inputs, "resampled: a table for \(table.inputs) along axis \(axis) of \(shape)")
    return Tensor.operation("resample", [self], keep: .operands, value: Kernels.resample(self, axis: axis, table)) {
      g, saved in
      func adjoint(_ g: Tensor) -> Tensor { g.resampled(axis: axis, table.transposed) }
      guard saved.rule == .excitation else { return [adjoint(g)] }
      return [Tensor.excitation(g, from: saved[0], response: { $0.resampled(axis: axis, table) }, adjoint: adjoint)]
    }
  }

  /// Resizes an image [N, H, W, C] bilinearly (half-pixel centers, no corner alignment, no antialiasing), like
  /// `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`.
  public func resized(height: Int, width: Int) -> Tensor {
    if shape[1] == height && shape[2] == width { return self }
    return resampled(axis: 1, .linear(from: shape[1], to: height)).resampled(
      axis: 2, .linear(from: shape[2], to: width))
  }

  /// Average pooling of an image [N, H, W, C] over square windows; zeros in the padding count.
  public func averagePooled(window: Int, stride: Int, padding: Int = 0) -> Tensor {
    resampled(axis: 1, .average(over: shape[1], window: window, stride: stride, padding: padding))
      .resampled(axis: 2, .average(over: shape[2], window: window, stride: stride, padding: padding))
  }

  /// Average pooling of an image [N, H, W, C] to [N, height, width, C], like `torch.nn.AdaptiveAvgPool2d`.
  public func adaptivelyAveragePooled(height: Int, width: Int) -> Tensor {
    if shape[1] == height && shape[2] == width { return self }
    return resampled(axis: 1, .adaptiveAverage(from: shape[1], to: height)).resampled(
      axis: 2, .adaptiveAverage(from: shape[2], to: width))
  }

  /// Max pooling of an image [N, H, W, C] over square windows. The derivative goes to the first maximum of a window;
  /// the second derivative is zero almost everywhere. Padding is never the maximum.
  ///
  /// - Parameters:
  ///   - window: the side of a window, in pixels.
  ///   - stride: the distance from one window to the next, in pixels.
  ///   - padding: the number of pixels added at each edge.
  ///   - coveringEdges: whether a last window that reaches past the padded image counts too, as with PyTorch's
  ///     `ceil_mode`. It counts only if it begins inside the image or the padding before it.
  /// - Returns: the maxima, [N, H', W', C].
  public func maxPooled(window: Int, stride: Int, padding: Int = 0, coveringEdges: Bool = false) -> Tensor {
    func outputs(_ inputs: Int) -> Int {
      Self.poolings(of: inputs, window: window, stride: stride, padding: padding, coveringEdges: coveringEdges)
    }
    let target = rank == 4 ? [shape[0], outputs(shape[1]), outputs(shape[2]), shape[3]] : []
    precondition(
      rank == 4 && padding * 2 <= window && target[1] > 0 && target[2] > 0,
      "maxPooled: window \(window) with padding \(padding) over \(shape)")
    let own = shape
    let (value, places) = Kernels.maxPool(self, window: window, stride: stride, padding: padding, shape: target)
    return Tensor.operation("maxPool", [self], keep: .nothing, value: value) { g, _ in
      [g.scatter(places, shape: own)]
    }
  }

  /// The number of windows of ``maxPooled(window:stride:padding:coveringEdges:)`` along an axis with this many
  /// locations; 0 or less if there is no room for one.
  public static func poolings(of inputs: Int, window: Int, stride: Int, padding: Int, coveringEdges: Bool) -> Int {
    let room = inputs + 2 * padding - window + (coveringEdges ? stride - 1 : 0)
    let windows = room < 0 ? 0 : room / stride + 1
    return (windows - 1) * stride < inputs + padding ? windows : windows - 1
  }

  /// The mean over all locations of an image [N, H, W, C]: [N, C].
  public func globalAveragePooled() -> Tensor {
    let own = shape
    return Tensor.operation("globalAverage", [self], keep: .operands, value: detached().mean([1, 2])) { g, saved in
      func adjoint(_ g: Tensor) -> Tensor {
        (g / Double(own[1] * own[2])).reshaped([own[0], 1, 1, own[3]]).broadcast(to: own)
      }
      guard saved.rule == .excitation else { return [adjoint(g)] }
      return [Tensor.excitation(g, from: saved[0], response: { $0.mean([1, 2]) }, adjoint: adjoint)]
    }
  }
}
