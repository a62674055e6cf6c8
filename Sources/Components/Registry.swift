import Synchronization

/// The components of one kind that recipes can name. A program of one's own adds to them before it reads a recipe:
///
///     Registries.objectives.register(Sharpness())
public final class Registry<Kind>: Sendable {
  /// What they are, for messages: "objective".
  public let kind: String
  /// Each with its default settings.
  private let prototypes: Mutex<[any Component]>

  /// The components that are there from the beginning.
  ///
  /// - Parameters:
  ///   - kind: what they are, for messages.
  ///   - prototypes: each with its default settings.
  public init(_ kind: String, _ prototypes: [Kind]) {
    self.kind = kind
    self.prototypes = Mutex([])
    for prototype in prototypes { register(prototype) }
  }

  /// Adds a component with its default settings. Two of one name are a mistake in the program.
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

  /// The names, in the order in which they were added.
  public var names: [String] { prototypes.withLock { $0.map(\.name) } }

  /// All of them with their default settings, in the order in which they were added.
  public var all: [Kind] { prototypes.withLock { $0 }.compactMap { $0 as? Kind } }

  /// The component of a name with its default settings; nil if there is none.
  public subscript(name: String) -> Kind? {
    prototypes.withLock { $0.first { $0.name == name } } as? Kind
  }
}

/// The registries, one for each kind of component; each module adds those of its own.
public enum Registries {}
