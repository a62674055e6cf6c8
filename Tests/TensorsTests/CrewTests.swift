import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Tensors

@Suite("Helper threads") struct CrewTests {
  /// The sum of the numbers in 0..<10,000 that all threads claim together, and the number of loops that ran.
  private func sum(_ crew: Crew, _ threads: Int) -> (sum: Int, loops: Int) {
    let next = Atomic(0)
    let sum = Atomic(0)
    let loops = Atomic(0)
    crew.together(threads) {
      loops.add(1, ordering: .relaxed)
      while true {
        let item = next.add(1, ordering: .relaxed).oldValue
        guard item < 10_000 else { return }
        sum.add(item, ordering: .relaxed)
      }
    }
    return (sum.load(ordering: .relaxed), loops.load(ordering: .relaxed))
  }

  @Test("all work is done exactly once, by any number of threads", arguments: [1, 2, 7, 40])
  func work(_ threads: Int) {
    let crew = Crew(limit: 3)
    for _ in 0..<50 {
      let (sum, loops) = sum(crew, threads)
      #expect(sum == 49_995_000 && (1...threads).contains(loops))
    }
  }

  @Test("all work is done even if no thread, or only some threads, can be created", arguments: [0, 1, 2])
  func refusals(_ granted: Int) {
    let asked = Atomic(0)
    let crew = Crew(limit: 8) { body in
      asked.add(1, ordering: .relaxed).newValue <= granted && Crew.startThread(body)
    }
    for _ in 0..<20 {
      let (sum, loops) = sum(crew, 6)
      #expect(sum == 49_995_000 && loops <= granted + 1)
    }
    #expect(asked.load(ordering: .relaxed) > granted)
  }

  @Test("nested work of many threads finishes")
  func nested() throws {
    for workers in [1, 2, 5, 16] {
      let results = try Parallel.map(40, workers: workers) { item in
        let parts = Atomic(0)
        Parallel.split(100, threads: 4) { parts.add($0.count, ordering: .relaxed) }
        let inner = try Parallel.map(5, workers: 3) { $0 * item }
        return parts.load(ordering: .relaxed) + inner.reduce(0, +)
      }
      #expect(results == (0..<40).map { 100 + 10 * $0 })
    }
  }

  @Test("an error of an item stops the work, and the first one in order is thrown")
  func failure() {
    struct Failure: Error, Equatable { let item: Int }
    for _ in 0..<20 {
      #expect(throws: Failure(item: 3)) {
        try Parallel.map(100, workers: 4) { item in if item % 7 == 3 { throw Failure(item: item) } }
      }
    }
  }

  #if os(Linux)
    @Test("a process may run on all processors that its parent may run on")
    func processors() throws {
      func allowed(_ process: String) throws -> Substring {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        return try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list") })
      }
      #expect(try allowed("self") == allowed("\(getppid())"))
    }
  #endif
}
