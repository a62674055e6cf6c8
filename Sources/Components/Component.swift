/// A part of a run of which there are several to choose from, each known by a name: an objective, a measure, an optimizer, a
/// data set. Its file has all that is to be known of it: what it does, its settings with their defaults, and their keys in
/// a recipe.
public protocol Component: Sendable {
  /// What recipes, tables and logs call it: `class_sensitivity`.
  var name: String { get }

  /// Names each key of a recipe with the property that holds its value, and refuses values that do not go together. None
  /// unless told otherwise.
  mutating func visit(_ keys: Keys)

  /// How settings are written that are no section: the 4 of `padded_crop: 4`. Nil, as it is unless told otherwise, if they
  /// always are one.
  static var shorthand: Codec<Self>? { get }

  /// Whether its name without settings would mean nothing, as of a change of colors by no amount; false unless told otherwise.
  static var needsSettings: Bool { get }
}

extension Component {
  public mutating func visit(_ keys: Keys) {}
  public static var shorthand: Codec<Self>? { nil }
  public static var needsSettings: Bool { false }

  /// Its settings, every one stated.
  public var settings: Entry { Keys.write(self) }

  /// Whether two are of one kind and have the same settings.
  public func isEqual(to other: any Component) -> Bool { name == other.name && settings == other.settings }
}
