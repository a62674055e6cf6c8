extension Keys {
  /// Visits a component whose settings are keys of the same section as its name: `{ name: adam, rate: 0.001 }`. If the
  /// key of the name is missing, the component keeps its default.
  ///
  /// - Parameters:
  ///   - key: the key of the name.
  ///   - value: is replaced by the named component.
  ///   - registry: the components that can be named.
  ///   - isRequired: whether a missing key is a problem.
  ///   - others: visits keys that are written between the name and the settings.
  public func component<Kind>(
    _ key: String, _ value: inout Kind, of registry: Registry<Kind>, isRequired: Bool = true, _ others: () -> Void = {}
  ) {
    var name = (value as? any Component)?.name ?? ""
    let before = name
    self(key, &name, .name(registry), isRequired: isRequired)
    if name != before, let named = registry[name] { value = named }
    others()
    visit(&value)
  }

  /// Visits a component's settings as keys of this section.
  func visit<Kind>(_ value: inout Kind) {
    guard var component = value as? any Component else { return }
    component.visit(self)
    if let visited = component as? Kind { value = visited }
  }
}

extension Codec {
  /// The codec of a component that is written as a name alone, or as a name with settings: `horizontal_flip`,
  /// `padded_crop: 4`, `color_jitter: { hue: 0.1 }`.
  ///
  /// - Parameters:
  ///   - registry: the components that can be named.
  ///   - words: other words that the message lists; the caller reads them.
  /// - Returns: the codec.
  public static func component(_ registry: Registry<Value>, besides words: [String] = []) -> Codec {
    Codec(
      read: { entry, key, report in
        var (name, content, found) = (String?.none, Entry?.none, entry.found)
        switch entry.content {
        case .scalar(let text, _): name = text
        case .section(let items) where items.count == 1:
          (name, content, found) = (items[0].key, items[0].value, "'\(items[0].key)'")
        case .section(let items): found = "\(items.count) keys"
        default: break
        }
        guard let name, let prototype = registry[name], let component = prototype as? any Component else {
          report.problems.append(.init(entry.place, key, registry.expectation(name, found, besides: words)))
          return nil
        }
        guard content != nil || !type(of: component).needsSettings else {
          report.problems.append(.init(entry.place, key, "expected settings, as in '\(name): { … }', found \(found)"))
          return nil
        }
        let key = "\(key).\(name)"
        report.places[key] = content?.place ?? entry.place
        return read(component, content ?? Entry(.section([]), place: entry.place), key, report) as? Value
      }, write: { ($0 as? any Component).map { written($0) } })
  }

  private static func read<C: Component>(_ component: C, _ entry: Entry, _ key: String, _ report: Keys.Report) -> C? {
    if case .section = entry.content {
    } else if let shorthand = C.shorthand {
      return shorthand.read(entry, key, report)
    }
    let before = report.problems.count
    let component = Keys.read(component, entry, key, report)
    return report.problems.count == before ? component : nil
  }

  private static func written<C: Component>(_ component: C) -> Entry {
    if let content = C.shorthand?.write(component) { return Entry(.section([(component.name, content)])) }
    let settings = component.settings
    if case .section(let items) = settings.content, items.isEmpty {
      return Entry(.scalar(component.name, isText: false))
    }
    return Entry(.section([(component.name, settings)]))
  }
}

extension Registry {
  /// The message for a name that is not registered.
  func expectation(_ name: String?, _ found: String, besides words: [String] = []) -> String {
    let names = words + names
    let hint = name.flatMap { nearest(to: $0, among: names) }.map { "; did you mean '\($0)'?" } ?? ""
    return "expected one of \(names.joined(separator: ", ")), found \(found)\(hint)"
  }
}

extension Codec<String> {
  /// The codec of a registered component's name.
  fileprivate static func name<Kind>(_ registry: Registry<Kind>) -> Codec {
    Codec(
      read: { entry, key, report in
        if case .scalar(let text, _) = entry.content, registry.names.contains(text) { return text }
        var name: String?
        if case .scalar(let text, _) = entry.content { name = text }
        report.problems.append(
          .init(entry.place, key, registry.expectation(name, name.map { "'\($0)'" } ?? entry.found)))
        return nil
      }, write: { Entry(.scalar($0, isText: false)) })
  }
}
