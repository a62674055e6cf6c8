import Foundation

/// Information about the available memory.
public enum Memory {
  /// The number of bytes that this process can still allocate. It is the smallest of the system's available memory, the
  /// rest within the process's control groups, and the rest within its own limit; nil if the system reports none of
  /// them.
  public static var available: Int? {
    [system(), controlGroup(), limit()].compactMap(\.self).min()
  }

  /// Ends the program with a message, because the system has no memory for a tensor or a product. The exit status is
  /// 71, which is that for a missing system resource. Nothing can be saved, since this needs memory too; files that
  /// were saved before are not changed.
  static func isExhausted(wanting bytes: Int) -> Never {
    // This code allocates no memory.
    func say(_ text: StaticString) { _ = write(2, text.utf8Start, text.utf8CodeUnitCount) }
    say("metasal: out of memory: cannot allocate ")
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var (rest, first) = (bytes, 20)
      repeat {
        first -= 1
        digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      } while rest > 0
      _ = write(2, UnsafeRawPointer(digits.baseAddress.map { $0 + first }), 20 - first)
    }
    say(" bytes; smaller images or batches need less\n")
    _exit(71)
  }

  /// The memory that Linux reports as available without swapping.
  static func system(root: String = "") -> Int? {
    value("MemAvailable:", in: text(root + "/proc/meminfo")).map { $0 << 10 }
  }

  /// The memory that remains within the limits of the control group and its ancestors, in both versions of the
  /// interface. File caches count as free, because the system drops them when memory is needed.
  static func controlGroup(root: String = "") -> Int? {
    let groups = (text(root + "/proc/self/cgroup") ?? "").split(separator: "\n").compactMap { line -> [String]? in
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3 else { return nil }
      let controllers = parts[1].split(separator: ",")
      return controllers.isEmpty || controllers.contains("memory") ? [parts[1], parts[2]] : nil
    }
    return groups.flatMap { group -> [Int] in
      let isUnified = group[0].isEmpty
      let base = root + "/sys/fs/cgroup" + (isUnified ? "" : "/memory")
      let (most, now) =
        isUnified ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
      // In a container the path may be that of the host, of which only the root is visible.
      var parts = group[1].split(separator: "/")
      var left: [Int] = []
      while true {
        let folder = base + parts.map { "/" + $0 }.joined()
        if let most = number(folder + "/" + most), let now = number(folder + "/" + now) {
          let cached = value(isUnified ? "inactive_file" : "total_inactive_file", in: text(folder + "/memory.stat"))
          left.append(max(0, most - now + min(now, cached ?? 0)))
        }
        guard !parts.isEmpty else { return left }
        parts.removeLast()
      }
    }.min()
  }

  /// The memory that remains within `ulimit -v`.
  private static func limit() -> Int? {
    #if os(Linux)
      var limit = rlimit()
      guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt(Int.max),
        let pages = text("/proc/self/statm")?.split(separator: " ").first.flatMap({ Int($0) })
      else { return nil }
      return max(0, Int(limit.rlim_cur) - pages * sysconf(Int32(_SC_PAGESIZE)))
    #else
      return nil
    #endif
  }

  private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

  private static func number(_ path: String) -> Int? {
    text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  /// The number after a word at the beginning of a line.
  private static func value(_ word: String, in text: String?) -> Int? {
    text?.split(separator: "\n").first { $0.hasPrefix(word + " ") }?.split(separator: " ").dropFirst().first
      .flatMap { Int($0) }
  }

  /// Formats a number of bytes for messages: `5.2 GiB`, `310 MiB`.
  public static func words(_ bytes: Double) -> String {
    let mebibytes = bytes / 1048576
    return mebibytes < 1024
      ? "\(Int(mebibytes.rounded(.up))) MiB"
      : mebibytes < 1e9 ? String(format: "%.1f GiB", mebibytes / 1024) : String(format: "%.2g GiB", mebibytes / 1024)
  }
}
