import Tensors

/// A module that recomputation treats as a unit: only its input is kept for the backward pass.
public protocol Block: Module {}

extension Pass {
  /// Whether only the input of the module being called is kept. This holds for a block in which no activation is
  /// requested.
  func recomputes(_ module: some Module) -> Bool {
    recomputes && module is any Block && !asked.contains { $0.hasPrefix(path.description + ".") }
  }

  /// Computes the output of a part of the network and keeps only its input for the backward pass.
  func recomputed(_ part: some Module, _ x: Tensor) -> Tensor {
    var (part, parameters) = (part, [Tensor]())
    part.visit(Path()) { if $1.isParameter { parameters.append($2) } }
    return .recomputed([x] + parameters) { [part, dropping, path] inputs in
      var pass = Pass(normalization: .running, wanted: [], dropping: dropping, from: path)
      var (part, index) = (part, 0)
      part.visit(Path()) { _, kind, parameter in
        guard kind.isParameter else { return }
        index += 1
        parameter = inputs[index]
      }
      return part(inputs[0], &pass)
    }
  }
}

extension Sequential {
  /// The modules from `start` on that are recomputed as a unit: convolutions with their normalizations and activations,
  /// up to a pooling or a requested activation. It is nil if the sequence has no convolution: blocks recompute
  /// themselves, and for linear layers the parameters are larger than the activations.
  func stretch(from start: Int, _ pass: Pass) -> Range<Int>? {
    var (end, hasConvolution, isOver) = (start, false, false)
    while end < modules.count, !isOver {
      let isAsked = pass.asked.contains((pass.path / names[end]).description)
      switch modules[end] {
      case is Convolution where !isAsked: hasConvolution = true
      case is BatchNorm: break
      case is MaxPool: isOver = true
      case is any FixedLayer: break
      // A requested convolution is left out, because its input must be recorded too.
      default: return hasConvolution && end > start + 1 ? start..<end : nil
      }
      end += 1
      isOver = isOver || isAsked
    }
    return hasConvolution && end > start + 1 ? start..<end : nil
  }

  /// The modules of a range.
  subscript(range: Range<Int>) -> Sequential {
    Sequential(named: range.map { (names[$0], modules[$0]) })
  }
}
