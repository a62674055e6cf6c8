import Components
import Formats
import Foundation
import Tensors

/// The programs of one run of a sweep, one after the other: `metasal train`, and `metasal evaluate` for each recipe by
/// which the run is measured. Each is a process of its own, so that one that crashes ends no other run.
final class SweepJob {
  let run: SweepRun
  private let program: String
  private let workers: Int
  private var process: Process?
  private var step: Step?

  private enum Step {
    case training
    case measuring(SweepMeasuring)
  }

  /// How a run ended.
  enum End {
    case finished
    case interrupted
    case failed(String)
    /// Another process, which an earlier start of the sweep left, works in the run's folder.
    case occupied
  }

  /// Prepares the run's folder and starts the first program.
  ///
  /// - Parameters:
  ///   - run: the run.
  ///   - program: the path of metasal.
  ///   - workers: the number of threads.
  ///   - isReplaced: whether what is in the folder is removed.
  /// - Throws: a `FileError` if the folder cannot be prepared, or the program cannot be started.
  init(_ run: SweepRun, program: String, workers: Int, isReplaced: Bool) throws {
    (self.run, self.program, self.workers) = (run, program, workers)
    try run.prepare(isReplaced: isReplaced)
    try startNext()
  }

  /// Whether another process trains in a run's folder.
  static func isOccupied(_ run: SweepRun) -> Bool { RunLock.isHeld(run.folder.lock) }

  /// Asks the running program to save its state and to end.
  func interrupt() { process.map { _ = kill($0.processIdentifier, SIGINT) } }

  /// Waits until the running program has ended.
  func wait() { process?.waitUntilExit() }

  /// Starts the next program if the one before has ended.
  ///
  /// - Parameter stops: whether no other program is started.
  /// - Returns: how the run ended; nil while it goes on.
  /// - Throws: a `FileError` if a record cannot be written, or a program cannot be started.
  func advance(stops: Bool) throws -> End? {
    guard let process, !process.isRunning else { return process == nil ? .finished : nil }
    if process.terminationReason == .uncaughtSignal {
      // A program that had not begun to listen is ended by the signal itself.
      return stops ? .interrupted : .failed("ended by signal \(process.terminationStatus)")
    }
    switch process.terminationStatus {
    case 0: break
    case 130: return .interrupted
    case 73 where Self.isOccupied(run): return .occupied
    default: return .failed(run.lastMessage ?? "ended with code \(process.terminationStatus)")
    }
    try note()
    guard !stops else {
      if case .finished = try run.state() { return .finished }
      return .interrupted
    }
    try startNext()
    return self.process == nil ? .finished : nil
  }

  /// Notes what the program that has ended has done.
  private func note() throws {
    var record = SweepRecord(run.record)
    switch step {
    case nil: return
    case .training:
      guard let last = try RunRecord(run.folder.path).evaluations.last?.values else {
        throw FileError(.malformed, run.folder.metrics, "the run has ended without an evaluation")
      }
      record = SweepRecord(trained: last)
    case .measuring(let measuring):
      guard
        let values = try JSONSerialization.jsonObject(with: try Files.read(run.evaluation)) as? [String: Any]
      else { throw FileError(.malformed, run.evaluation, "no evaluation") }
      record.add(values, by: measuring.text)
    }
    try record.write(to: run.record, keeping: run.measures.map(\.text))
    try Ownership.remove(run.evaluation)
  }

  /// Starts the next program that the run needs; none if all is done.
  private func startNext() throws {
    (process, step) = (nil, nil)
    let record = SweepRecord(run.record)
    guard record.isTrained else {
      try start(["train", run.plan, "--resume"])
      step = .training
      return
    }
    guard let measuring = run.measures.first(where: { record.evaluations[$0.text] == nil }) else { return }
    try start(["evaluate", measuring.path, "--weights", run.folder.last, "--json", run.evaluation])
    step = .measuring(measuring)
  }

  private func start(_ arguments: [String]) throws {
    let arguments = arguments + ["--set", "run.workers=\(workers)"]
    guard let log = FileHandle(forWritingAtPath: run.log) else {
      throw FileError(.unwritable, run.log, "cannot be written to")
    }
    defer { try? log.close() }
    do {
      try log.seekToEnd()
      try log.write(contentsOf: Data("\n$ metasal \(arguments.joined(separator: " "))\n".utf8))
    } catch { throw FileError(.unwritable, run.log, "cannot be written to") }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = log
    process.standardError = log
    do { try process.run() } catch {
      throw FileError(.missing, program, "cannot be started: \(error.localizedDescription)")
    }
    self.process = process
  }
}

extension SweepRun {
  /// The last error in the run's log; nil if there is none.
  var lastMessage: String? {
    guard let log = FileManager.default.contents(atPath: log) else { return nil }
    let text = String(decoding: log.suffix(1 << 14), as: UTF8.self)
    guard let range = text.range(of: "\nmetasal: ", options: .backwards) else { return nil }
    return text[range.upperBound...].trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
