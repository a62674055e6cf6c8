import Formats
import Synchronization

/// A cache of decoded, resized and cropped samples in memory. When it is full, further samples are read each time.
final class SampleCache: Sendable {
  /// The form in which a sample is kept.
  struct Form: Hashable {
    /// Whether it is resized and cropped, and not as it was read.
    let isResized: Bool
    /// Whether it has its objects.
    let hasObjects: Bool

    /// The form in which images are evaluated.
    static let evaluated = Form(isResized: true, hasObjects: true)
  }

  private struct Key: Hashable {
    let index: Int
    let form: Form
  }

  private let limit: Int
  private let kept = Mutex<(samples: [Key: Sample], bytes: Int)>(([:], 0))

  /// An empty cache.
  ///
  /// - Parameter limit: the largest number of bytes of pixels and masks that are kept.
  init(limit: Int) { self.limit = limit }

  /// The sample at an index in this form, from the cache or else from `read`. Errors are not cached.
  func sample(_ index: Int, _ form: Form, _ read: () throws -> Sample) rethrows -> Sample {
    let key = Key(index: index, form: form)
    if let sample = kept.withLock({ $0.samples[key] }) { return sample }
    let sample = try read()
    let size = sample.image.pixels.count + sample.objects.reduce(0) { $0 + ($1.mask?.count ?? 0) }
    kept.withLock { kept in
      // Another thread may have added the sample meanwhile.
      guard kept.samples[key] == nil, kept.bytes + size <= limit else { return }
      kept.samples[key] = sample
      kept.bytes += size
    }
    return sample
  }
}
