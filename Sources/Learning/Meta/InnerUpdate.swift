/// The virtual class update: θ' = θ − rate · ∇θ CE(f_θ(image), class), taken before a map is computed
/// ("There and Back Again", section 3.4).
public struct InnerUpdate: Sendable, Equatable {
  /// Whether each image takes an update of its own, as in the paper, or the batch's mean loss gives one for all.
  public enum Scope: String, Sendable, CaseIterable { case image, batch }

  /// Whether the outer gradient runs through the update or holds its gradient constant.
  public enum Order: String, Sendable, CaseIterable { case exact, first }

  public var rate: Double
  public var steps: Int
  public var scope: Scope
  public var order: Order
  /// Patterns (`*` stands for any characters) of the parameters that move; nil for all.
  public var parameters: [String]?

  public init(
    rate: Double, steps: Int = 1, scope: Scope = .image, order: Order = .exact, parameters: [String]? = nil
  ) {
    self.rate = rate
    self.steps = steps
    self.scope = scope
    self.order = order
    self.parameters = parameters
  }
}
