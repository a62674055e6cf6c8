import Foundation

/// What memory there is.
public enum Memory {
  /// Bytes that this process may still take: what the system has available, what is left below the limit of a control group
  /// that the process is in, or what its own limit leaves, whichever is least. Nil where the system does not say.
  public static var available: Int? {
    [system(), controlGroup(), limit()].compactMap(\.self).min()
  }

  /// Ends the program, since the system has no memory for a tensor or a product: says so, and exits with 71, as for other means of the system
  /// that it lacks. Nothing can be saved, as that takes memory, too; what was saved before stays as it is.
  static func isExhausted(wanting bytes: Int) -> Never {
    // Nothing here allocates.
    func say(_ text: StaticString) { _ = write(2, text.utf8Start, text.utf8CodeUnitCount) }
    say("metasal: out of memory: there are no ")
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var (rest, first) = (bytes, 20)
      repeat {
        first -= 1
        digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      } while rest > 0
      _ = write(2, UnsafeRawPointer(digits.baseAddress! + first), 20 - first)
    }
    say(" bytes for what is worked out; smaller images or batches take less\n")
    _exit(71)
  }

  /// What Linux says can be taken without swapping.
  static func system(root: String = "") -> Int? {
    value("MemAvailable:", in: text(root + "/proc/meminfo")).map { $0 << 10 }
  }

  /// What the limits of the control group and of those above it leave, in either version of the interface. What only caches
  /// files counts as free: it goes where memory is wanted.
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
      // In a container the path may be the host's, of which only the root is seen.
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

  /// What `ulimit -v` leaves.
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

  /// The number after a word that begins a line.
  private static func value(_ word: String, in text: String?) -> Int? {
    text?.split(separator: "\n").first { $0.hasPrefix(word + " ") }?.split(separator: " ").dropFirst().first
      .flatMap { Int($0) }
  }

  /// Bytes in words: `5.2 GiB`, `310 MiB`.
  public static func words(_ bytes: Double) -> String {
    let mebibytes = bytes / 1048576
    return mebibytes < 1024
      ? "\(Int(mebibytes.rounded(.up))) MiB"
      : mebibytes < 1e9 ? String(format: "%.1f GiB", mebibytes / 1024) : String(format: "%.2g GiB", mebibytes / 1024)
  }
}
