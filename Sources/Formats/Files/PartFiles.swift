import Foundation
import Synchronization

/// Temporary files that will replace an output, named `NAME.metasal-PROCESS-NUMBER.part` in its folder. Those that
/// killed processes left behind are removed the next time that a file is written into the folder.
enum PartFiles {
  private static let count = Atomic(0)
  private static let swept = Mutex(Set<String>())
  private static let longestName = 255

  /// A temporary path in the output's folder that no other thread or process uses.
  static func path(for place: OutputPlace) -> String {
    let number = count.add(1, ordering: .relaxed).newValue
    let suffix = ".metasal-\(getpid())-\(number).part"
    var name = place.path.split(separator: "/").last ?? ""
    while name.utf8.count + suffix.utf8.count > longestName { name.removeLast() }
    return place.folder + "/" + name + suffix
  }

  /// The process identifier in the name of a temporary file; nil for any other name.
  static func process(_ name: String) -> pid_t? {
    guard name.hasSuffix(".part"), let range = name.range(of: ".metasal-", options: .backwards) else { return nil }
    let numbers = name[range.upperBound...].dropLast(".part".count)
      .split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 2, numbers.allSatisfy({ !$0.isEmpty && $0.allSatisfy("0123456789".contains) }) else {
      return nil
    }
    return pid_t(numbers[0])
  }

  /// Removes the temporary files of dead processes from a folder; each folder is searched once.
  static func sweep(_ folder: String) {
    guard swept.withLock({ $0.insert(folder).inserted }) else { return }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let process = process(name), process > 0, kill(process, 0) != 0, errno == ESRCH else { continue }
      // A living process on another machine or in a container may have the same identifier; it holds a lock on the
      // file.
      let path = folder + "/" + name
      let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }
}
