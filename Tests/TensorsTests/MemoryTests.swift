import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite("Memory") struct MemoryTests {
  private let root = ScratchFolder()

  @Test("the system's available memory is read")
  func system() throws {
    try root.write("proc/meminfo", "MemTotal:  100 kB\nMemAvailable:     30 kB\nMemAvailableNot: 5 kB\n")
    #expect(Memory.system(root: root.path) == 30 << 10)
    #expect(Memory.system(root: root.file("nowhere")) == nil)
    #if os(Linux)
      #expect((Memory.available ?? 0) > 0)
    #endif
  }

  @Test("the tightest of nested control groups counts, and file caches count as free")
  func unified() throws {
    try root.write("proc/self/cgroup", "0::/outer/inner\n")
    try root.write("sys/fs/cgroup/outer/memory.max", "1000\n")
    try root.write("sys/fs/cgroup/outer/memory.current", "700\n")
    try root.write("sys/fs/cgroup/outer/memory.stat", "anon 600\ninactive_file 50\n")
    try root.write("sys/fs/cgroup/outer/inner/memory.max", "max\n")
    try root.write("sys/fs/cgroup/outer/inner/memory.current", "700\n")
    #expect(Memory.controlGroup(root: root.path) == 350)
  }

  @Test("control groups of version 1 count too; those of other controllers or outside the container do not")
  func first() throws {
    try root.write("proc/self/cgroup", "5:cpu:/a\n4:memory:/host/path\n0::/\n")
    try root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "500")
    try root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "900")
    #expect(Memory.controlGroup(root: root.path) == 0)
    try root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    #expect((Memory.controlGroup(root: root.path) ?? 0) > 1 << 62)
    try root.write("proc/self/cgroup", "5:cpu:/a\n")
    #expect(Memory.controlGroup(root: root.path) == nil)
  }

  @Test("sizes are formatted with units")
  func words() {
    #expect([1, 3 << 20, 5 << 30].map { Memory.words(Double($0)) } == ["1 MiB", "3 MiB", "5.0 GiB"])
    #expect(Memory.words(1e30).hasSuffix("GiB"))
  }
}
