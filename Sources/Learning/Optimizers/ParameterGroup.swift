import Components
import Saliency

/// Parameters that an optimizer treats in a way of their own: those whose names match one of some patterns. A parameter
/// belongs to the first group that it matches; one that matches none has the optimizer's learning rate.
///
/// With a factor of 0 a group is frozen: its gradient is not computed either, which saves much of a step's time where the
/// first layers of a network are frozen.
public struct ParameterGroup: Sendable, Hashable, Section {
  /// Patterns of parameter names, in which `*` stands for any characters.
  public var parameters: [String] = []
  /// The factor of the learning rate.
  public var rateFactor = 1.0

  /// A group of no parameters.
  public init() {}

  /// A group of the parameters that match one of the patterns.
  public init(_ parameters: [String], rateFactor: Double) {
    (self.parameters, self.rateFactor) = (parameters, rateFactor)
  }

  public mutating func visit(_ keys: Keys) {
    keys("parameters", &parameters, .list(.word, atLeast: 1), isRequired: true)
    keys("rate_factor", &rateFactor, .number(0...1000))
  }

  /// The names of the parameters that keep their values.
  public static func frozen(of names: [String], in groups: [ParameterGroup]) -> Set<String> {
    Set(zip(names, rates(1, of: names, in: groups)).filter { $0.1 == 0 }.map(\.0))
  }

  /// The learning rate of each of the named parameters.
  ///
  /// - Parameters:
  ///   - rate: the optimizer's learning rate.
  ///   - names: the parameters' names.
  ///   - groups: the groups.
  /// - Returns: one learning rate per name.
  public static func rates(_ rate: Double, of names: [String], in groups: [ParameterGroup]) -> [Double] {
    names.map { name in
      rate * (groups.first { $0.parameters.contains { name.matches(pattern: $0) } }?.rateFactor ?? 1)
    }
  }
}
