import Components
import Saliency

/// A number of an evaluation: one of the network, such as the accuracy, or the mean of a measure over images at one method,
/// layer and kind of weights. Sweep files write it with blanks between the parts: `accuracy`, or `deletion normgrad layer2
/// plain`.
public struct MeasureReference: Hashable, Sendable, CustomStringConvertible {
  /// The name under which the evaluation has its results.
  public var measure: String
  /// The map; nil for a number of the network.
  public var map: Map?

  /// The setting of a map.
  public struct Map: Hashable, Sendable {
    /// The method.
    public var method: Method
    /// The layer.
    public var layer: String
    /// The weights at which the map is made.
    public var weights: MapWeights

    /// Creates a setting.
    public init(method: Method, layer: String, weights: MapWeights) {
      (self.method, self.layer, self.weights) = (method, layer, weights)
    }
  }

  /// A reference to a number of the network, or with a map to a mean of a measure.
  public init(_ measure: String, _ map: Map? = nil) { (self.measure, self.map) = (measure, map) }

  /// Numbers of the network that every evaluation may have, with whether a higher one is better.
  public static let networkMeasures: [(name: String, isHigherBetter: Bool)] = [
    ("accuracy", true), ("top_five_accuracy", true), ("mean_average_precision", true), ("cross_entropy", false),
    ("binary_cross_entropy", false), ("outer_loss", false),
  ]

  /// Reads a reference; nil if the text is none.
  public init?(parsing text: String) {
    let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
    if words.count == 1 {
      self.init(words[0])
    } else if (3...4).contains(words.count), let method = Method(words[1]),
      let weights = words.count == 4 ? MapWeights(rawValue: words[3]) : .plain
    {
      self.init(words[0], Map(method: method, layer: words[2], weights: weights))
    } else {
      return nil
    }
  }

  public var description: String {
    map.map { "\(measure) \($0.method) \($0.layer)" + ($0.weights == .plain ? "" : " \($0.weights.rawValue)") }
      ?? measure
  }
}

extension Codec<MeasureReference> {
  static var measureReference: Codec {
    Codec(
      read: { entry, key, report in
        if case .scalar(let text, _) = entry.content, let reference = MeasureReference(parsing: text) {
          return reference
        }
        report.problems.append(
          .init(
            entry.place, key,
            "expected a measure such as 'accuracy', or one of maps with its method and layer, and 'virtual' for maps after the "
              + "virtual update, such as 'deletion normgrad layer2', found \(entry.found)"))
        return nil
      }, write: { Entry(.scalar($0.description, isText: false)) })
  }
}
