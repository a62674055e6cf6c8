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
    return methods
  }()
}

/// The saliency methods by their names. It is no `Registry`, since names of methods are made of parts: each
/// type of methods reads those of its own.
public final class MethodRegistry: Sendable {
  /// A type of methods.
  private struct Family: Sendable {
    let named: [(name: String, method: Method)]
    let form: String?
    let parse: @Sendable (MethodName) throws(Method.Malformed) -> Method?
  }

  private let families = Mutex<[Family]>([])

  init() {}

  /// Adds a method under its name, and whatever other names its type reads. Two methods of one name are a mistake in the
  /// program.
  public func register<M: SaliencyMethod>(_ method: M) {
    add(M.self, M.named.contains { $0.name == method.name } ? M.named : [(method.name, method)] + M.named)
  }

  /// Adds all methods of a type: those that have names of their own, and those whose names it reads. Two methods of one name
  /// are a mistake in the program.
  public func register<M: SaliencyMethod>(_ family: M.Type) { add(family, M.named) }

  private func add<M: SaliencyMethod>(_ family: M.Type, _ named: [(name: String, method: M)]) {
    let known = Set(self.named.map(\.name))
    precondition(!named.contains { known.contains($0.name) }, "MethodRegistry: two methods of one name in \(family)")
    let new = Family(
      named: named.map { ($0.name, Method($0.method)) }, form: M.form,
      parse: { name throws(Method.Malformed) in try M.parse(name).map { Method($0) } })
    families.withLock { $0.append(new) }
  }

  /// The methods that have names of their own, in the order in which they were added. A method may have several.
  public var named: [(name: String, method: Method)] { families.withLock { $0 }.flatMap(\.named) }

  /// What can be said of names, for messages.
  public var grammar: String {
    let families = families.withLock { $0 }
    return ([families.flatMap(\.named).map(\.name).joined(separator: ", ")] + families.compactMap(\.form))
      .joined(separator: "; ")
  }

  /// The method of a name.
  ///
  /// - Throws: what is wrong with it, for people.
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
