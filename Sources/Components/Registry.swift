import Synchronization

/// The components of one kind that recipes can name. A program registers its own components before it reads a recipe:
///
///     Registries.objectives.register(Sharpness())
public final class Registry<Kind>: Sendable {
  /// The kind of component, for messages: "objective".
  public let kind: String
  /// The components, each with its default settings.
  private let prototypes: Mutex<[any Component]>

  /// Creates a registry with built-in components.
  ///
  /// - Parameters:
  ///   - kind: the kind of component, for messages.
  ///   - prototypes: the components, each with its default settings.
  public init(_ kind: String, _ prototypes: [Kind]) {
    self.kind = kind
    self.prototypes = Mutex([])
    for prototype in prototypes { register(prototype) }
  }

  /// Adds a component with its default settings. A second component of the same name is a programming error and traps.
  public func register(_ prototype: Kind) {
    guard let component = prototype as? any Component else {
      preconditionFailure("Registry: \(type(of: prototype)) is no component")
    }
    prototypes.withLock { prototypes in
      precondition(
        !prototypes.contains { $0.name == component.name }, "Registry: two of the \(kind) '\(component.name)'")
      prototypes.append(component)
    }
  }

  /// The names, in the order of registration.
  public var names: [String] { prototypes.withLock { $0.map(\.name) } }

  /// The components with their default settings, in the order of registration.
  public var all: [Kind] { prototypes.withLock { $0 }.compactMap { $0 as? Kind } }

  /// The component of this name with its default settings; nil if it is not registered.
  public subscript(name: String) -> Kind? {
    prototypes.withLock { $0.first { $0.name == name } } as? Kind
  }
}

/// The registries, one for each kind of component. Each module adds its own in an extension.
public enum Registries {}
