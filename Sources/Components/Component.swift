/// A part of a run that recipes choose by name: an objective, a measure, an optimizer, a data set. One file defines all
/// of a component: what it does, its settings with their defaults, and their recipe keys.
public protocol Component: Sendable {
  /// The component's name in recipes, tables and logs, for example `class_sensitivity`.
  var name: String { get }

  /// Connects each recipe key with the property that holds its value, and reports values that contradict each other. By
  /// default there are no keys.
  mutating func visit(_ keys: Keys)

  /// A shorter form of the settings that is not a section, such as the 4 of `padded_crop: 4`. It is nil by default,
  /// which means that the settings are always a section.
  static var shorthand: Codec<Self>? { get }

  /// Whether the component cannot be used with its default settings. For example, a color change by 0 does nothing. It
  /// is false by default.
  static var needsSettings: Bool { get }
}

extension Component {
  public mutating func visit(_ keys: Keys) {}
  public static var shorthand: Codec<Self>? { nil }
  public static var needsSettings: Bool { false }

  /// The component's settings as a section in which every key is written.
  public var settings: Entry { Keys.write(self) }

  /// Whether two components have the same name and the same settings.
  public func isEqual(to other: any Component) -> Bool { name == other.name && settings == other.settings }
}
