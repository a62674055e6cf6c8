import Components
import Synchronization

extension Registries {
  /// The saliency methods that recipes, flags and objectives can name.
  public static let methods: MethodRegistry = {
    let methods = MethodRegistry()
    methods.register(ExtractAggregate.self)
    methods.register(ClassActivation.self)
    methods.register(ExcitationBackprop.self)
    methods.register(ContrastiveExcitationBackprop.self)
    methods.register(IntegratedGradients.self)
    methods.register(RISE.self)
    methods.register(SmoothGrad.self)
    methods.register(Competitive.self)
    methods.register(FinerCAM.self)
    return methods
  }()
}

/// The saliency methods by their names. It is not a `Components.Registry`, because names of methods are composed of
/// parts, and each type of method parses its own names.
public final class MethodRegistry: Sendable {
  /// A type of method.
  private struct Family: Sendable {
    let named: [(name: String, method: Method)]
    let form: String?
    let parse: @Sendable (MethodName) throws(Method.Malformed) -> Method?
  }

  private let families = Mutex<[Family]>([])

  init() {}

  /// Registers a method under its name, and all other names that its type can parse. A second method of the same name
  /// is a programming error and traps.
  public func register<M: SaliencyMethod>(_ method: M) {
    add(M.self, M.named.contains { $0.name == method.name } ? M.named : [(method.name, method)] + M.named)
  }

  /// Registers all methods of a type, both those with fixed names and those whose names it parses. A second method of
  /// the same name is a programming error and traps.
  public func register<M: SaliencyMethod>(_ family: M.Type) { add(family, M.named) }

  private func add<M: SaliencyMethod>(_ family: M.Type, _ named: [(name: String, method: M)]) {
    let known = Set(self.named.map(\.name))
    precondition(!named.contains { known.contains($0.name) }, "MethodRegistry: two methods of one name in \(family)")
    let new = Family(
      named: named.map { ($0.name, Method($0.method)) }, form: M.form,
      parse: { name throws(Method.Malformed) in try M.parse(name).map { Method($0) } })
    families.withLock { $0.append(new) }
  }

  /// The methods with fixed names, in the order of registration. A method may have several names.
  public var named: [(name: String, method: Method)] { families.withLock { $0 }.flatMap(\.named) }

  /// A summary of the possible names, for messages.
  public var grammar: String {
    let families = families.withLock { $0 }
    return ([families.flatMap(\.named).map(\.name).joined(separator: ", ")] + families.compactMap(\.form))
      .joined(separator: "; ")
  }

  /// Finds the method of a name.
  ///
  /// - Throws: the reason, for messages.
  func method(_ name: MethodName) throws(Method.Malformed) -> Method {
    let families = families.withLock { $0 }
    for family in families {
      if let known = family.named.first(where: { $0.name == name.text }) { return known.method }
    }
    for family in families {
      if let method = try family.parse(name) { return method }
    }
    throw Method.Malformed(description: "expected one of \(grammar); found '\(name.text.prefix(200))'")
  }
}
