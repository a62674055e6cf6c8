import Components
import Networks
import Tensors

/// A saliency method together with the name under which it was requested. Recipes, flags, tables and files use these
/// names:
///
/// - published methods: `gradient`, `grad_cam`, `normgrad`, …;
/// - any pair of the framework of ``ExtractAggregate``: `conv3x3/norm`, `scaling/filtered_norm`, with the prefix
///   `guided/` or `deconvnet/` for another backward rule;
/// - methods around another method: `smooth/normgrad`, `competitive/grad_cam`, `finer/grad_cam`, with an optional
///   number after a colon: `smooth:50/gradient`;
/// - methods that a program has added to `Registries.methods`.
///
/// Some methods have several names: `normgrad` is `conv1x1/norm`. Tables, files and recipes show the requested one.
/// Methods that differ only in this name are equal.
public struct Method: Sendable {
  /// The saliency method.
  public let base: any SaliencyMethod
  /// The requested name; nil for the method's own name.
  private var spelling: String?

  /// Creates a method under its own name.
  public init(_ base: some SaliencyMethod) { self.base = base }
}

extension Method: Hashable {
  public static func == (a: Method, b: Method) -> Bool { AnyHashable(a.base) == AnyHashable(b.base) }
  public func hash(into hasher: inout Hasher) { base.hash(into: &hasher) }
}

extension Method: LosslessStringConvertible {
  /// The error in a method's name.
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String

    /// Creates an error from its description.
    public init(description: String) { self.description = description }
  }

  /// Finds the method of this name; nil if there is none.
  public init?(_ name: String) {
    do { try self.init(named: name) } catch { return nil }
  }

  /// Finds the method of this name.
  ///
  /// - Throws: the reason, for messages: an unknown method, or a number out of range.
  public init(named name: String) throws(Malformed) { self = try Method(MethodName(name)).spelled(name) }

  init(_ name: MethodName) throws(Malformed) { self = try Registries.methods.method(name) }

  private func spelled(_ name: String) -> Method {
    var method = self
    method.spelling = base.name == name ? nil : name
    return method
  }

  /// The requested name, or else the method's own name.
  public var description: String { spelling ?? base.name }

  /// The registered names with their methods. A method may have two names.
  public static var named: [(name: String, method: Method)] { Registries.methods.named }

  /// A summary of the possible names, for messages.
  public static var grammar: String { Registries.methods.grammar }
}

extension Method {
  /// The reason why the method has no map at a layer of a network; nil if it has one.
  public func obstacle(at layer: String, of network: Network) -> String? {
    base.obstacle(at: layer, of: network).map { "\(self) \($0)" }
  }
}

extension Codec<Method> {
  /// The codec of a method's name.
  public static var method: Codec {
    Codec(
      read: { entry, key, report in
        var message = "expected one of \(Method.grammar); found \(entry.found)"
        if case .scalar(let text, _) = entry.content {
          do throws(Method.Malformed) { return try Method(named: text) } catch {
            let hint = nearest(to: text, among: Method.named.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            message = error.description + hint
          }
        }
        report.problems.append(.init(entry.place, key, message))
        return nil
      }, write: { Entry(.scalar($0.description, isText: false)) })
  }
}
