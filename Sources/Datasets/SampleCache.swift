import Formats
import Synchronization

/// Samples as they were read, resized and cropped, kept in memory until a limit is reached; those after it are read each time.
final class SampleCache: Sendable {
  /// What is kept of a sample.
  enum Form { case bare, resized, resizedWithObjects }

  private struct Key: Hashable {
    let index: Int
    let form: Form
  }

  private let limit: Int
  private let kept = Mutex<(samples: [Key: Sample], bytes: Int)>(([:], 0))

  /// - Parameter limit: bytes of pixels and masks that are kept at most.
  init(limit: Int) { self.limit = limit }

  /// The sample at an index in that form; `read` is asked for it unless it is kept. Broken ones are tried anew each time.
  func sample(_ index: Int, _ form: Form, _ read: () throws -> Sample) rethrows -> Sample {
    let key = Key(index: index, form: form)
    if let sample = kept.withLock({ $0.samples[key] }) { return sample }
    let sample = try read()
    let size = sample.image.pixels.count + sample.objects.reduce(0) { $0 + ($1.mask?.count ?? 0) }
    kept.withLock { kept in
      // Another thread may have been as quick.
      guard kept.samples[key] == nil, kept.bytes + size <= limit else { return }
      kept.samples[key] = sample
      kept.bytes += size
    }
    return sample
  }
}
