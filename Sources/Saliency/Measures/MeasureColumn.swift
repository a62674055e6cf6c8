/// What is shown beside a measure's mean over all images: another score made of the images' values, such as that of some of
/// them.
public struct MeasureColumn: Sendable {
  /// The column's heading in tables: "by class".
  public let title: String
  /// Its key in JSON: "mean_by_class".
  public let key: String
  /// Whether there is something to show, given all images.
  public let isShown: @Sendable ([MeasuredItem]) -> Bool
  /// From the images' values, in their order, those whose mean is shown.
  public let score: @Sendable (Score, [MeasuredItem]) -> Score

  /// A column; it is always shown unless told otherwise.
  public init(
    _ title: String, key: String, isShown: @escaping @Sendable ([MeasuredItem]) -> Bool = { _ in true },
    score: @escaping @Sendable (Score, [MeasuredItem]) -> Score
  ) {
    (self.title, self.key, self.isShown, self.score) = (title, key, isShown, score)
  }

  /// Of the images that a condition holds for.
  ///
  /// - Parameters:
  ///   - title: the heading.
  ///   - key: the key in JSON.
  ///   - isShown: whether there is something to show, given all images.
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

  /// The mean over classes of the mean over each one's images.
  public static let byClass = MeasureColumn("by class", key: "mean_by_class") { score, items in
    let groups = Dictionary(grouping: zip(items, score.values), by: \.0.label).sorted { $0.key < $1.key }
    return Score(groups.compactMap { Score($0.value.map(\.1)).mean.map { .defined($0) } })
  }
}

/// A value of each image that takes no map, in a row below those of methods: what a method has to beat.
public struct MeasureBaseline: Sendable {
  /// Its key in JSON: "centre".
  public let key: String
  /// What stands in place of a method in tables: "the image's centre".
  public let title: String
  /// The value of an image.
  public let value: @Sendable (EvaluatedImage) -> Score.Value

  /// A baseline.
  public init(_ title: String, key: String, value: @escaping @Sendable (EvaluatedImage) -> Score.Value) {
    (self.title, self.key, self.value) = (title, key, value)
  }
}
