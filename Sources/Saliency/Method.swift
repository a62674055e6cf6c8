import Components
import Networks
import Tensors

/// How a saliency map is made: a ``SaliencyMethod`` with the name that it was asked for by. Names are for recipes, flags, tables
/// and files:
///
/// - published methods: `gradient`, `grad_cam`, `normgrad`, …;
/// - any pair of the framework of ``ExtractAggregate``: `conv3x3/norm`, `scaling/filtered_norm`, with `guided/` or `deconvnet/`
///   before it for another backward rule;
/// - and around any of these: `smooth/normgrad`, `competitive/grad_cam`. Numbers stand behind a colon: `smooth:50/gradient`;
/// - whatever else was added to ``Components/Registries/methods``.
///
/// Some methods have several names: `normgrad` is `conv1x1/norm`. A method remembers the one it was asked for by, which tables,
/// files and recipes then call it; methods are equal whatever they are called.
public struct Method: Sendable {
  /// How the map is made.
  public let base: any SaliencyMethod
  /// The name it was asked for by; nil for the usual one.
  private var spelling: String?

  /// A method under its usual name.
  public init(_ base: some SaliencyMethod) { self.base = base }
}

extension Method: Hashable {
  public static func == (a: Method, b: Method) -> Bool { AnyHashable(a.base) == AnyHashable(b.base) }
  public func hash(into hasher: inout Hasher) { base.hash(into: &hasher) }
}

extension Method: LosslessStringConvertible {
  /// What is wrong with a method's name.
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String

    /// What is wrong, for people.
    public init(description: String) { self.description = description }
  }

  /// The method of that name; nil if there is none.
  public init?(_ name: String) {
    do { try self.init(named: name) } catch { return nil }
  }

  /// The method of that name.
  ///
  /// - Throws: what is wrong, for people: no such method, or a number out of its range.
  public init(named name: String) throws(Malformed) { self = try Method(MethodName(name)).spelled(name) }

  init(_ name: MethodName) throws(Malformed) { self = try Registries.methods.method(name) }

  private func spelled(_ name: String) -> Method {
    var method = self
    method.spelling = base.name == name ? nil : name
    return method
  }

  /// The name it was asked for by, or else the usual one.
  public var description: String { spelling ?? base.name }

  /// The methods that have names of their own. Some have two.
  public static var named: [(name: String, method: Method)] { Registries.methods.named }

  /// What can be said of names, for messages.
  public static var grammar: String { Registries.methods.grammar }
}

extension Method {
  /// Why the method has no map at a layer of a network; nil if it has.
  public func obstacle(at layer: String, of network: Network) -> String? {
    base.obstacle(at: layer, of: network).map { "\(self) \($0)" }
  }
}

extension Codec<Method> {
  /// A method by its name.
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
