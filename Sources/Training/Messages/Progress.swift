import Components
import Formats
import Foundation
import Logging

/// A progress display. On a terminal it is one line that is redrawn a few times a second, with the rate and the time
/// left; otherwise it is a message after every tenth of the work, at most every few seconds. Either goes to standard
/// error, so that standard output contains only results; a logger that leaves out messages of level `info` shows neither.
public final class Progress {
  private let title: String
  private let total: Int
  private let start: Int
  private let logger: Logger
  private let isDrawn: Bool
  private let began = ContinuousClock.now
  private var drawn: ContinuousClock.Instant?
  private var lastTenth: Int

  /// Creates a display with a title. `total` is the amount of work, and `start` the amount that was done before.
  public init(_ title: String, total: Int, start: Int = 0, logger: Logger) {
    (self.title, self.total, self.start, self.logger) = (title, total, start, logger)
    isDrawn = (logger.handler as? MessageHandler)?.drawsProgress ?? false
    lastTenth = total == 0 ? 0 : start * 10 / total
  }

  /// Shows that `done` of the total are done, followed by `detail`.
  public func update(_ done: Int, detail: @autoclosure () -> String = "") {
    guard logger.logLevel <= .info else { return }
    let now = ContinuousClock.now
    if isDrawn {
      if let drawn, now - drawn < .milliseconds(100), done < total { return }
      drawn = now
      // A longer line would wrap and could not be redrawn.
      let bar = Self.bar(done, of: total)
      StandardError.draw(Self.line(bar, facts(done, now, detail()), atMost: Terminal.errors.columns - 1))
    } else {
      let tenth = total == 0 ? 10 : done * 10 / total
      guard tenth > lastTenth, now - (drawn ?? began) > .seconds(3) else { return }
      (lastTenth, drawn) = (tenth, now)
      let numbers: Logger.Metadata = ["done": .stringConvertible(done), "total": .stringConvertible(total)]
      logger.info("\(facts(done, now, detail()).joined(separator: "  "))", metadata: numbers)
    }
  }

  /// Erases the line.
  public func clear() { if isDrawn { StandardError.erase() } }

  /// The bar of a drawn line.
  private static func bar(_ done: Int, of total: Int) -> String {
    let filled = total == 0 ? 20 : done * 20 / total
    return String(repeating: "━", count: filled) + String(repeating: "─", count: 20 - filled)
  }

  /// The bar and the facts on a line; without the bar, and then without the last facts, where it would be too long.
  static func line(_ bar: String, _ facts: [String], atMost width: Int) -> String {
    var facts = facts.flatMap { $0.split(separator: "  ") }.map { $0.printable }
    let whole = ([bar] + facts).joined(separator: "  ")
    if whole.count <= width { return whole }
    while facts.count > 1, facts.joined(separator: "  ").count > width { facts.removeLast() }
    return String(facts.joined(separator: "  ").prefix(width))
  }

  private func facts(_ done: Int, _ now: ContinuousClock.Instant, _ detail: String) -> [String] {
    let (seconds, attoseconds) = (now - began).components
    let elapsed = Double(seconds) + Double(attoseconds) * 1e-18
    let rate = elapsed > 0 ? Double(done - start) / elapsed : 0
    let left = rate > 0 ? Double(total - done) / rate : 0
    let pace = rate >= 1 || rate == 0 ? "\(decimal(rate, 1))/s" : "\(decimal(1 / rate, 1)) s each"
    return ["\(title) \(done)/\(total)", pace, "\(Self.duration(left)) left", detail].filter { !$0.isEmpty }
  }

  static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    if hours > 0 { return "\(hours) h \(minutes) min" }
    return whole >= 60 ? "\(minutes) min \(whole % 60) s" : "\(whole) s"
  }
}
