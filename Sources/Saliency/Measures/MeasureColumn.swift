/// A further column of a measure's table: another score computed from the values of the images, such as the mean over
/// some of them.
public struct MeasureColumn: Sendable {
  /// The column's heading in tables: "by class".
  public let title: String
  /// Its key in JSON: "mean_by_class".
  public let key: String
  /// Whether the column is shown, given all images.
  public let isShown: @Sendable ([MeasuredItem]) -> Bool
  /// Selects or computes, from the values of the images in order, those whose mean is shown.
  public let score: @Sendable (Score, [MeasuredItem]) -> Score

  /// Creates a column; by default it is always shown.
  public init(
    _ title: String, key: String, isShown: @escaping @Sendable ([MeasuredItem]) -> Bool = { _ in true },
    score: @escaping @Sendable (Score, [MeasuredItem]) -> Score
  ) {
    (self.title, self.key, self.isShown, self.score) = (title, key, isShown, score)
  }

  /// Creates a column for the images that satisfy a condition.
  ///
  /// - Parameters:
  ///   - title: the heading.
  ///   - key: the key in JSON.
  ///   - isShown: whether the column is shown, given all images.
  ///   - isWanted: the condition.
  /// - Returns: the column.
  public static func images(
    _ title: String, key: String, isShown: @escaping @Sendable ([MeasuredItem]) -> Bool = { _ in true },
    where isWanted: @escaping @Sendable (MeasuredItem) -> Bool
  ) -> MeasureColumn {
    MeasureColumn(title, key: key, isShown: isShown) { score, items in
      Score(zip(items, score.values).filter { isWanted($0.0) }.map(\.1))
    }
  }

  /// The mean over classes of each class's mean over images.
  public static let byClass = MeasureColumn("by class", key: "mean_by_class") { score, items in
    let groups = Dictionary(grouping: zip(items, score.values), by: \.0.label).sorted { $0.key < $1.key }
    return Score(groups.compactMap { Score($0.value.map(\.1)).mean.map { .defined($0) } })
  }
}

/// A baseline for methods: a value of each image that needs no map, shown in a row below those of the methods.
public struct MeasureBaseline: Sendable {
  /// The baseline's key in JSON: "centre".
  public let key: String
  /// The text in the table's column of methods: "the image's centre".
  public let title: String
  /// The layer that the baseline is for; nil if it is the same at all layers. In JSON the baselines of one key for
  /// several layers are a section of numbers by layer.
  public let layer: String?
  /// Computes the value of an image.
  public let value: @Sendable (EvaluatedImage) -> Score.Value

  /// Creates a baseline; by default for all layers.
  public init(
    _ title: String, key: String, layer: String? = nil, value: @escaping @Sendable (EvaluatedImage) -> Score.Value
  ) {
    (self.title, self.key, self.layer, self.value) = (title, key, layer, value)
  }

  /// The identity of the baseline among those of a measure.
  public var id: String { layer.map { "\(key) \($0)" } ?? key }
}
