/// The classes of an image's annotated objects whose maps a localization measure looks at, each on its own objects. An
/// image of several objects can then be measured for all of them, also where its label is only one of their classes.
public enum ObjectChoice: String, Sendable, CaseIterable {
  /// The class that the sample stands for.
  case label
  /// The other annotated classes.
  case others
  /// All annotated classes.
  case all

  /// The chosen classes that have objects in the image, in increasing order.
  public func classes(in image: EvaluatedImage) -> [Int] {
    Set(image.objects.map(\.label)).filter { class_ in
      switch self {
      case .label: class_ == image.label
      case .others: class_ != image.label
      case .all: true
      }
    }.sorted()
  }

  /// The mean of a value over the chosen classes.
  ///
  /// - Parameters:
  ///   - image: the image.
  ///   - value: computes the value of a class from the union of its objects' regions.
  /// - Returns: the mean; undefined if one of the values is, or if there are no objects of these classes.
  func mean(in image: EvaluatedImage, _ value: (_ class_: Int, _ region: Region) -> Score.Value) -> Score.Value {
    var sum = 0.0
    let regions = classes(in: image).compactMap { class_ in image.region(of: class_).map { (class_, $0) } }
    for (class_, region) in regions {
      let value = value(class_, region)
      guard let number = value.number else { return value }
      sum += number
    }
    return regions.isEmpty ? .undefined("no region") : .defined(sum / Double(regions.count))
  }

  /// The suffix of the measure's name in results; empty for the label.
  var suffix: String { self == .label ? "" : "_\(rawValue)" }

  /// The possessive for explanations: "the label's objects".
  var words: String {
    switch self {
    case .label: "the label's objects"
    case .others: "the objects of each annotated class but the label, by the map of that class"
    case .all: "the objects of each annotated class, by the map of that class"
    }
  }
}
