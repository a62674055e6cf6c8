#if os(Linux)
  import Foundation
  import TestSupport
  import Testing

  /// The program where the system gives it little memory.
  @Suite("Too little memory", .serialized) struct MemoryTests {
    /// Its exit code, negative for a signal, and what it said, below a limit of so many kB; `models` makes every network.
    private func models(below limit: Int) throws -> (code: Int32, errors: String) {
      let folder = ScratchFolder()
      let said = folder.file("errors")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "ulimit -v \(limit); exec timeout 60 '\(Program.path.path)' models > '\(said).out' 2> '\(said)'"]
      try process.run()
      process.waitUntilExit()
      let code = process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
      return (code, try String(contentsOfFile: said, encoding: .utf8))
    }

    @Test("memory that is not there is a message and a code of its own, no crash and no endless wait")
    func exhausted() throws {
      var codes: [Int32] = []
      for limit in stride(from: 180_000, through: 420_000, by: 40_000) {
        let (code, errors) = try models(below: limit)
        // 127: not even the libraries have room.
        #expect([0, 71, 127].contains(code), "\(limit) kB: \(code), \(errors)")
        if code == 71 { #expect(errors.hasPrefix("metasal: out of memory") && errors.hasSuffix("take less\n"), "\(errors)") }
        codes.append(code)
      }
      #expect(codes.contains(71))
    }
  }
#endif
