import Tensors

/// A module between whose input and output nothing needs to be kept where a network is short of memory.
public protocol Block: Module {}

extension Pass {
  /// The response of a part of the network, of which only the input is kept; nil if that is not asked for, or if an activation
  /// inside is wanted.
  ///
  /// - Parameter layers: the names of the part's own layers below the module that is being called; nil if it is that module.
  mutating func recomputed(_ part: some Module, layers: [String]? = nil, _ x: Tensor) -> Tensor? {
    guard recomputes else { return nil }
    let paths = layers.map { $0.map { (path / $0).description } }
    let isWanted =
      asked.contains { name in
        guard let paths else { return name.hasPrefix(path.description + ".") }
        return paths.contains { name == $0 || name.hasPrefix($0 + ".") }
      }
    guard !isWanted else { return nil }
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
  /// From a module on, those up to the next pooling that are a part of their own where nothing inside is kept: convolutions
  /// and what goes with them. nil where blocks or linear layers come, whose parameters are larger than what they make.
  func stretch(from start: Int) -> Range<Int>? {
    var (end, hasConvolution) = (start, false)
    search: while end < modules.count {
      switch modules[end] {
      case is Convolution: hasConvolution = true
      case is BatchNorm, is Rectifier: break
      case let layer as FixedLayer:
        if case .maxPool = layer {
          end += 1
          break search
        }
      default: break search
      }
      end += 1
    }
    return hasConvolution && end > start + 1 ? start..<end : nil
  }

  /// Some of the modules.
  subscript(range: Range<Int>) -> Sequential {
    Sequential(named: range.map { (names[$0], modules[$0]) })
  }
}
