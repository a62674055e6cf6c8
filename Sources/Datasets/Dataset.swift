import Formats

/// Labelled images, each made or read when it is asked for.
public protocol Dataset: Sendable {
  /// Number of samples.
  var count: Int { get }
  /// The names of the classes, in the order of the labels.
  var classNames: [String] { get }
  /// A sample, read or made anew.
  ///
  /// - Parameter index: below ``count``.
  /// - Returns: the sample.
  /// - Throws: a `FileError` that names the file if it is broken.
  func sample(at index: Int) throws -> Sample
  /// What was left out, or taken otherwise than it stands there, so far.
  var remarks: Remarks { get }
  /// The sample without its objects, for those who would not look at them: masks take time to make.
  ///
  /// - Parameter index: below ``count``.
  /// - Returns: the sample.
  /// - Throws: a `FileError` that names the file if it is broken.
  func sampleWithoutObjects(at index: Int) throws -> Sample
}

/// One labelled image.
public struct Sample: Sendable {
  /// The image.
  public var image: RGBImage
  /// The image's class, an index into `classNames`; of an image with several, the one that this sample is about.
  public var label: Int
  /// All of the image's classes.
  public var labels: [Int]
  /// What is known to be in the image; empty where only the label is known.
  public var objects: [Object] = []
  /// Where it comes from, for messages.
  public var source: String

  /// A sample of one class unless `labels` names more.
  public init(image: RGBImage, label: Int, labels: [Int]? = nil, objects: [Object] = [], source: String) {
    (self.image, self.label, self.labels) = (image, label, labels ?? [label])
    (self.objects, self.source) = (objects, source)
  }

  /// A thing in an image.
  public struct Object: Sendable {
    /// Its class.
    public var label: Int
    /// Columns and rows that it spans.
    public var columns, rows: Range<Int>
    /// For each pixel of the image, row by row, whether the object covers it; nil where only the box is known.
    public var mask: [Bool]?

    /// An object whose box lies in its image.
    public init(label: Int, columns: Range<Int>, rows: Range<Int>, mask: [Bool]? = nil) {
      (self.label, self.columns, self.rows, self.mask) = (label, columns, rows, mask)
    }

    /// An object in a box that is given by its left, upper, right and lower edge: every pixel of the image that the box
    /// touches. Nil if it touches none.
    public init?(label: Int, box: [Double], in size: PixelSize, mask: [Bool]? = nil) {
      func span(_ low: Double, _ high: Double, _ size: Int) -> Range<Int>? {
        guard low < high, low < Double(size), high > 0 else { return nil }
        return max(0, Int(low))..<min(size, Int(high.rounded(.up)))
      }
      guard let columns = span(box[0], box[2], size.width), let rows = span(box[1], box[3], size.height) else {
        return nil
      }
      self.init(label: label, columns: columns, rows: rows, mask: mask)
    }
  }
}

extension Dataset {
  public var remarks: Remarks { Remarks() }

  public func sampleWithoutObjects(at index: Int) throws -> Sample {
    var sample = try sample(at: index)
    sample.objects = []
    return sample
  }

  /// Indices spread evenly over the set, which for folders means over the classes.
  ///
  /// - Parameter wanted: how many.
  /// - Returns: the indices; all of them if there are fewer.
  public func spread(_ wanted: Int) -> [Int] {
    let wanted = min(wanted, count)
    return (0..<wanted).map { $0 * count / wanted }
  }
}
