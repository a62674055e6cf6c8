import Foundation

/// An event file, which TensorBoard shows, to which values are appended.
public final class EventLog {
  private let file: LogFile
  private static let version = "brain.Event:2"

  /// A value with the name under which TensorBoard shows it; names with a common part before the first slash are shown
  /// together.
  public struct Value: Sendable {
    /// The kinds of values.
    public enum Content: Sendable {
      /// A point of a curve.
      case scalar(Double)
      /// Numbers whose distribution is shown; those that are infinite or NaN do not count.
      case histogram([Double])
      /// An image, as a PNG file.
      case png(Data)
    }

    let tag: String
    let content: Content

    /// A value with its name.
    public init(_ tag: String, _ content: Content) { (self.tag, self.content) = (tag, content) }
  }

  /// Opens a file for appending, or creates it.
  ///
  /// - Parameters:
  ///   - path: the file, whose name must contain `tfevents` for TensorBoard to find it.
  ///   - keeps: which of the values in an existing file stay there, by their step and name; a damaged end of it is
  ///     dropped.
  /// - Throws: a ``FileError`` if the file cannot be read or written, or metasal did not write it.
  public init(_ path: String, keeping keeps: (_ step: Int, _ tag: String) -> Bool) throws {
    var head = Tensorboard_Event()
    head.wallTime = Date.now.timeIntervalSince1970
    head.fileVersion = Self.version
    head.sourceMetadata.writer = Ownership.name
    let earlier = FileManager.default.fileExists(atPath: path) ? EventRecords.events(try Files.read(path)) : []
    var events = [earlier.first ?? head]
    for var event in earlier.dropFirst() {
      let step = Int(event.step)
      event.summary.value.removeAll { !keeps(step, $0.tag) }
      if !event.summary.value.isEmpty { events.append(event) }
    }
    try Files.write(to: path) { output in
      for event in events { try output.append(EventRecords.record(event)) }
    }
    file = try LogFile(path)
  }

  /// Appends the values of a step. A number that is infinite or NaN, or an image that is no PNG, is left out.
  ///
  /// - Throws: a ``FileError`` if they cannot be written; the file then ends with what was there before.
  public func add(_ values: [Value], step: Int) throws {
    var event = Tensorboard_Event()
    event.wallTime = Date.now.timeIntervalSince1970
    event.step = Int64(step)
    event.summary.value = values.compactMap(Self.message)
    if !event.summary.value.isEmpty { try file.append(try EventRecords.record(event)) }
  }

  /// Syncs everything to the disk.
  ///
  /// - Throws: a ``FileError`` if this fails.
  public func sync() throws { try file.sync() }

  private static func message(_ value: Value) -> Tensorboard_Summary.Value? {
    var message = Tensorboard_Summary.Value()
    message.tag = value.tag
    switch value.content {
    case .scalar(let number):
      guard Float(number).isFinite else { return nil }
      message.simpleValue = Float(number)
    case .histogram(let numbers):
      guard let histogram = Tensorboard_HistogramProto(numbers) else { return nil }
      message.histo = histogram
    case .png(let data):
      guard data.starts(with: PNGMark.signature), data.count >= PNGMark.offset else { return nil }
      // The header: a length, a name, the width and the height.
      func number(_ from: Int) -> Int32 {
        data.dropFirst(from).prefix(4).reduce(0) { $0 << 8 | Int32($1) }
      }
      message.image.width = number(16)
      message.image.height = number(20)
      message.image.colorspace = 3
      message.image.encodedImageString = data
    }
    return message
  }
}

extension Tensorboard_HistogramProto {
  /// The least limit of a bucket, and the factor from one limit to the next.
  private static let (least, growth) = (1e-12, 1.1)

  /// The histogram of some numbers, in buckets whose limits grow by a tenth each, as TensorFlow's do; nil if no number is
  /// finite.
  init?(_ numbers: [Double]) {
    let numbers = numbers.filter(\.isFinite).sorted()
    guard let first = numbers.first, let last = numbers.last else { return nil }
    self.init()
    (min, max, num) = (first, last, Double(numbers.count))
    (sum, sumSquares) = (numbers.reduce(0, +), numbers.reduce(0) { $0 + $1 * $1 })
    for number in numbers {
      let limit = Self.limit(of: number)
      if bucketLimit.last == limit {
        bucket[bucket.count - 1] += 1
      } else {
        // An empty bucket, so that this one does not begin where the one before it ends.
        let lower = Self.limit(below: limit)
        if lower > bucketLimit.last ?? -.infinity {
          bucketLimit.append(lower)
          bucket.append(0)
        }
        bucketLimit.append(limit)
        bucket.append(1)
      }
    }
  }

  /// The upper limit of the bucket that contains a number: the least that is above it.
  private static func limit(of number: Double) -> Double {
    let power = log(abs(number) / least) / log(growth)
    if number >= 0 { return number < least ? least : least * pow(growth, power.rounded(.down) + 1) }
    return -number <= least ? 0 : -least * pow(growth, power.rounded(.up) - 1)
  }

  private static func limit(below limit: Double) -> Double {
    if limit > least { return Swift.max(least, limit / growth) }
    if limit > 0 { return 0 }
    return limit == 0 ? -least : limit * growth
  }
}
