extension Trace {
  /// The side, in pixels, of the smallest square image for which every operation has a result; nil if it is above 8192.
  /// The trace must have been made with `keepsIdentities`.
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

  /// For each value, whether all its elements are non-negative. The images may have negative ones.
  var nonNegative: [Bool] {
    steps.reduce(into: [false]) { signs, step in
      switch step.operation.sign {
      case .nonNegative: signs.append(true)
      case .asInputs: signs.append(step.inputs.allSatisfy { signs[$0] })
      case .any: signs.append(false)
      }
    }
  }

  /// For each value, the reason why excitation backprop is undefined there; nil if it is defined. Every operation
  /// between the value and the logits that distributes the signal must have non-negative inputs; see ``ExcitationUse``.
  /// The value itself may have both signs, such as the output of a convolution before its ReLU.
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
      // An unknown operation may depend on any earlier value.
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
  /// The name of the operation in messages.
  public var title: String { (self as? UnknownOperation)?.module ?? "\(type(of: self))" }
}

extension Network {
  /// The reason why excitation backprop has no map at a layer; nil if it has one. The reason continues the sentence
  /// "the method has none, because".
  ///
  /// - Parameter layer: the layer's name; `input` for the images.
  /// - Returns: the reason, or nil.
  public func excitationObstacle(at layer: String) -> String? {
    let trace = trace(height: architecture.usualSide, width: architecture.usualSide)
    return trace.layers[layer].flatMap { trace.excitationObstacles[$0] }
  }
}
