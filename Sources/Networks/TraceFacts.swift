extension Trace {
  /// The side in pixels of the smallest square image of which something is left after every operation; nil if it is above 8192. The
  /// trace must be one that keeps what changes nothing.
  var smallestSide: Int? { (1...8192).first { isPossible(side: $0) } }

  private func isPossible(side: Int) -> Bool {
    var shapes = [[shape[0], side, side, shape[3]]]
    for step in steps {
      let result = step.operation.shape(of: step.inputs.map { shapes[$0] })
      guard result.allSatisfy({ $0 > 0 }) else { return false }
      shapes.append(result)
    }
    return true
  }

  /// For each value, whether no element can be negative. The images' can.
  var nonNegative: [Bool] {
    steps.reduce(into: [false]) { signs, step in
      switch step.operation.sign {
      case .nonNegative: signs.append(true)
      case .asInputs: signs.append(step.inputs.allSatisfy { signs[$0] })
      case .any: signs.append(false)
      }
    }
  }

  /// For each value, why excitation backprop has no signal there; nil where it has. It needs inputs that are not negative at
  /// every operation between the value and the logits that shares a signal out by them; see ``ExcitationUse``. The value itself may
  /// have both signs, as a convolution's response before its ReLU.
  var excitationObstacles: [String?] {
    let signs = nonNegative
    var obstacles = [String?](repeating: nil, count: shapes.count)
    var leads = [Bool](repeating: false, count: shapes.count)
    leads[logits] = true
    for step in steps.reversed() where leads[step.output] {
      let reason: String?
      switch step.operation.excitation {
      case .passes: reason = obstacles[step.output]
      case .undefined: reason = "it has no rule for what '\(step.name)' does (\(step.operation.title))"
      case .needsNonNegative:
        let isNegative = step.inputs.contains { !signs[$0] }
        reason = isNegative ? "what '\(step.name)' sees can be negative" : obstacles[step.output]
      }
      // What a module does itself may use any value before it.
      let inputs = step.operation is UnknownOperation ? Array(0..<step.output) : step.inputs
      for input in inputs {
        leads[input] = true
        obstacles[input] = obstacles[input] ?? reason
      }
    }
    return obstacles
  }
}

extension TracedOperation {
  /// What messages call it.
  public var title: String { (self as? UnknownOperation)?.module ?? "\(type(of: self))" }
}

extension Network {
  /// Why excitation backprop has no map at a layer; nil if it has. The reason continues the sentence "the method has none,
  /// because".
  ///
  /// - Parameter layer: the layer's name; `input` for the images.
  /// - Returns: the reason, or nil.
  public func excitationObstacle(at layer: String) -> String? {
    let trace = trace(height: architecture.usualSide, width: architecture.usualSide)
    return trace.layers[layer].flatMap { trace.excitationObstacles[$0] }
  }
}
