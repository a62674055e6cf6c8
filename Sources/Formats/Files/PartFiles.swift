import Foundation
import Synchronization

/// Files on their way to a place: `NAME.metasal-PROCESS-NUMBER.part` beside it. Those of processes that were killed are removed
/// when something else is written into their folder.
enum PartFiles {
  private static let count = Atomic(0)
  private static let swept = Mutex(Set<String>())
  private static let longestName = 255

  /// A path beside a file that no other thread or process uses.
  static func path(for place: OutputPlace) -> String {
    let number = count.add(1, ordering: .relaxed).newValue
    let suffix = ".metasal-\(getpid())-\(number).part"
    var name = place.path.split(separator: "/").last ?? ""
    while name.utf8.count + suffix.utf8.count > longestName { name.removeLast() }
    return place.folder + "/" + name + suffix
  }

  /// The process in a part's name; nil for any other name.
  static func process(_ name: String) -> pid_t? {
    guard name.hasSuffix(".part"), let range = name.range(of: ".metasal-", options: .backwards) else { return nil }
    let numbers = name[range.upperBound...].dropLast(".part".count)
      .split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 2, numbers.allSatisfy({ !$0.isEmpty && $0.allSatisfy("0123456789".contains) }) else {
      return nil
    }
    return pid_t(numbers[0])
  }

  /// Removes what dead processes left in a folder, the first time that it is asked for.
  static func sweep(_ folder: String) {
    guard swept.withLock({ $0.insert(folder).inserted }) else { return }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let process = process(name), process > 0, kill(process, 0) != 0, errno == ESRCH else { continue }
      // The same number may be a living process on another machine, or in a container: that one holds a lock.
      let path = folder + "/" + name
      let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }
}
