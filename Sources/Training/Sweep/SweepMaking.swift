import Formats
import Foundation
import Recipes
import Tensors

extension Sweep {
  /// Makes runs, at most so many at the same time.
  ///
  /// - Returns: those that failed.
  func make(_ runs: [SweepRun], atOnce limit: Int? = nil) throws -> [SweepEnd.Failure] {
    let runs = chosen(runs)
    var waiting: [SweepRun] = []
    for run in runs {
      if case .finished = try run.state() { continue }
      waiting.append(run)
    }
    let (total, before) = (runs.count, runs.count - waiting.count)
    if before > 0 { logger.info("\(before) of \(total) runs are finished already.") }
    // Few runs that are left share all processors.
    let atOnce = max(1, min(limit ?? plan.file.atOnce, Parallel.processors, waiting.count))
    let workers = max(1, Parallel.processors / atOnce)
    if !waiting.isEmpty {
      let threads = workers == 1 ? "1 thread" : "\(workers) threads"
      let runs = waiting.count == 1 ? "1 run" : "\(waiting.count) runs"
      logger.info("\(runs) to make, \(atOnce) at a time with \(threads) each.")
    }
    let progress = Progress("runs", total: total, start: before, logger: logger)
    var (jobs, failures, done): ([SweepJob], [SweepEnd.Failure], Int) = ([], [], before)
    // Whatever ends this function, no program goes on without it.
    defer {
      for job in jobs { job.interrupt() }
      for job in jobs { job.wait() }
      progress.clear()
    }
    func tell(_ text: String) {
      progress.clear()
      logger.info("\(text)")
    }
    func fail(_ run: SweepRun, _ message: String) {
      done += 1
      failures.append(.init(name: run.name, message: message))
      tell("\(done)/\(total)  \(run.name) failed: \(message)")
    }
    var isStopping = false
    while !jobs.isEmpty || (!waiting.isEmpty && !isStopping) {
      if !isStopping, isInterrupted() {
        isStopping = true
        for job in jobs { job.interrupt() }
      }
      while !isStopping, jobs.count < atOnce, let next = waiting.firstIndex(where: { !SweepJob.isOccupied($0) }) {
        let run = waiting.remove(at: next)
        do {
          // Another start may have used the folder since the first check.
          try requireReady([run])
          let isOther = if case .other = try run.state() { true } else { false }
          let limit = min(run.recipe.run.workers ?? workers, workers)
          jobs.append(try SweepJob(run, program: program, workers: limit, isReplaced: isOther))
        } catch let error as FileError { fail(run, "\(error)") }
      }
      for job in jobs {
        let end: SweepJob.End?
        do { end = try job.advance(stops: isStopping) } catch let error as FileError { end = .failed("\(error)") }
        guard let end else { continue }
        jobs.removeAll { $0 === job }
        switch end {
        case .finished:
          done += 1
          tell("\(done)/\(total)  \(job.run.name): \(try job.run.summary)")
        case .failed(let message): fail(job.run, message)
        case .interrupted where isStopping: break
        case .interrupted: fail(job.run, "interrupted by a signal that the sweep did not send")
        case .occupied: waiting.append(job.run)
        }
      }
      if done > before && done < total { progress.update(done, detail: jobs.map(\.run.name).joined(separator: ", ")) }
      usleep(50_000)
    }
    if isStopping { throw SweepEnd.interrupted(finished: done - failures.count, of: total) }
    return failures
  }
}

extension SweepRun {
  /// The length of the run, for the user.
  var length: String { recipe.run.epochs.map { "\($0) epochs" } ?? "\(recipe.run.steps) steps" }

  /// The accuracy of a finished run, for the user.
  var summary: String {
    get throws {
      let accuracy = try SweepValues(self)?[MeasureReference("accuracy")]
      return accuracy.map { "accuracy \(percent($0))" } ?? "finished"
    }
  }
}
