import Components
import Formats
import Foundation

/// How far a run is. On a terminal one line that is redrawn a few times a second, with rate and time left; elsewhere a plain
/// line every tenth of the way, unless that would be every other moment. Everything goes to standard error, so that standard output holds results only.
public final class Progress {
  private let title: String
  private let total: Int
  private let start: Int
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let began = ContinuousClock.now
  private var drawn: ContinuousClock.Instant?
  private var lastTenth: Int

  /// Begins a line with this title. `total` is how much there is to do, and `start` how much was done before.
  public init(_ title: String, total: Int, start: Int = 0) {
    (self.title, self.total, self.start) = (title, total, start)
    lastTenth = total == 0 ? 0 : start * 10 / total
  }

  /// Says that `done` of the total are done; `detail` stands behind it.
  public func update(_ done: Int, detail: @autoclosure () -> String = "") {
    let now = ContinuousClock.now
    if isTerminal {
      if let drawn, now - drawn < .milliseconds(100), done < total { return }
      drawn = now
      write("\r\u{1b}[K" + line(done, now, detail()).prefix(Self.columns - 1))
    } else {
      let tenth = total == 0 ? 10 : done * 10 / total
      guard tenth > lastTenth, now - (drawn ?? began) > .seconds(3) else { return }
      (lastTenth, drawn) = (tenth, now)
      write(line(done, now, detail()) + "\n")
    }
  }

  /// Takes the line away, before something else is written.
  public func clear() { if isTerminal && drawn != nil { write("\r\u{1b}[K") } }

  private func line(_ done: Int, _ now: ContinuousClock.Instant, _ detail: String) -> String {
    let (seconds, attoseconds) = (now - began).components
    let elapsed = Double(seconds) + Double(attoseconds) * 1e-18
    let rate = elapsed > 0 ? Double(done - start) / elapsed : 0
    let left = rate > 0 ? Double(total - done) / rate : 0
    let filled = total == 0 ? 20 : done * 20 / total
    let bar = String(repeating: "━", count: filled) + String(repeating: "─", count: 20 - filled)
    let shown = isTerminal ? "\(bar) " : ""
    let pace = rate >= 1 || rate == 0 ? "\(decimal(rate, 1))/s" : "\(decimal(1 / rate, 1)) s each"
    let facts = ["\(title) \(shown)\(done)/\(total)", pace, "\(Self.duration(left)) left", detail].filter {
      !$0.isEmpty
    }
    return facts.joined(separator: "  ").printable
  }

  static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    if hours > 0 { return "\(hours) h \(minutes) min" }
    return whole >= 60 ? "\(minutes) min \(whole % 60) s" : "\(whole) s"
  }

  /// The terminal's width; a longer line would wrap and could not be redrawn.
  private static var columns: Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 10 ? Int(size.ws_col) : 80
  }

  /// A terminal that has gone takes nothing any more, which is no reason to stop.
  private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}
