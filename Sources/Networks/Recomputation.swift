import Tensors

/// A module between whose input and output nothing needs to be kept where a network is short of memory.
public protocol Block: Module {}

extension Pass {
  /// Whether nothing of the module that is being called need be kept but its input: it is a block, of which no activation inside is
  /// wanted.
  func recomputes(_ module: some Module) -> Bool {
    recomputes && module is any Block && !asked.contains { $0.hasPrefix(path.description + ".") }
  }

  /// The response of a part of the network, of which only the input is kept.
  func recomputed(_ part: some Module, _ x: Tensor) -> Tensor {
    var (part, parameters) = (part, [Tensor]())
    part.visit(Path()) { if $1.isParameter { parameters.append($2) } }
    return .recomputed([x] + parameters) { [part] inputs in
      var (part, index, pass) = (part, 0, Pass(normalization: .running, wanted: []))
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
  /// From a module on, those that are a part of their own where nothing inside is kept: convolutions and what goes with them, up to a
  /// pooling or to an activation that is wanted. nil where none of that comes first: blocks see to themselves, and linear layers'
  /// parameters are larger than what they make.
  func stretch(from start: Int, _ pass: Pass) -> Range<Int>? {
    var (end, hasConvolution, isOver) = (start, false, false)
    while end < modules.count, !isOver {
      let isAsked = pass.asked.contains((pass.path / names[end]).description)
      switch modules[end] {
      case is Convolution where !isAsked: hasConvolution = true
      case is BatchNorm: break
      case is MaxPool: isOver = true
      case is any FixedLayer: break
      // Of a convolution that is asked for it is also wanted how its response came about.
      default: return hasConvolution && end > start + 1 ? start..<end : nil
      }
      end += 1
      isOver = isOver || isAsked
    }
    return hasConvolution && end > start + 1 ? start..<end : nil
  }

  /// Some of the modules.
  subscript(range: Range<Int>) -> Sequential {
    Sequential(named: range.map { (names[$0], modules[$0]) })
  }
}
