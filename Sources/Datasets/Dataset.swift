import Formats

/// A data set of labelled images, each of which is read or generated only when it is requested.
public protocol Dataset: Sendable {
  /// The number of samples.
  var count: Int { get }
  /// The names of the classes, in the order of the labels.
  var classNames: [String] { get }
  /// Reads or generates a sample.
  ///
  /// - Parameter index: below ``count``.
  /// - Returns: the sample.
  /// - Throws: a `FileError` that names the file if it cannot be read.
  func sample(at index: Int) throws -> Sample
  /// The remarks about data that were left out or interpreted in an unusual way so far.
  var remarks: Remarks { get }
  /// Reads or generates a sample without its objects, which is faster because no masks are made.
  ///
  /// - Parameter index: below ``count``.
  /// - Returns: the sample.
  /// - Throws: a `FileError` that names the file if it cannot be read.
  func sampleWithoutObjects(at index: Int) throws -> Sample
}

/// One labelled image.
public struct Sample: Sendable {
  /// The image.
  public var image: RGBImage
  /// The class label, an index into `classNames`; for an image with several classes, the class that this sample is
  /// about.
  public var label: Int
  /// All classes of the image.
  public var labels: [Int]
  /// The annotated objects in the image; empty if only the label is known.
  public var objects: [Object] = []
  /// The origin of the sample, for messages.
  public var source: String

  /// A sample; its only class is `label` unless `labels` names more.
  public init(image: RGBImage, label: Int, labels: [Int]? = nil, objects: [Object] = [], source: String) {
    (self.image, self.label, self.labels) = (image, label, labels ?? [label])
    (self.objects, self.source) = (objects, source)
  }

  /// An annotated object in an image.
  public struct Object: Sendable {
    /// The class of the object.
    public var label: Int
    /// The columns and rows of its bounding box, in pixels.
    public var columns, rows: Range<Int>
    /// The mask, row by row: for each pixel of the image whether the object covers it; nil if only the box is known.
    public var mask: [Bool]?

    /// An object whose box lies inside the image.
    public init(label: Int, columns: Range<Int>, rows: Range<Int>, mask: [Bool]? = nil) {
      (self.label, self.columns, self.rows, self.mask) = (label, columns, rows, mask)
    }

    /// An object whose box is given by its left, upper, right and lower edges: it spans every pixel of the image that
    /// the box touches. Nil if it touches none.
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

  /// Indices spread evenly over the data set, and so, for data sets sorted by class, over the classes.
  ///
  /// - Parameter wanted: the number of indices.
  /// - Returns: the indices; all of them if the data set has fewer samples.
  public func spread(_ wanted: Int) -> [Int] {
    let wanted = min(wanted, count)
    return (0..<wanted).map { $0 * count / wanted }
  }
}
