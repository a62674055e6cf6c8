import Components
import Foundation
import Logging
import TestSupport
import Testing

@testable import Training

@Suite("Messages: terminals, colors, JSON, widths, commands") struct MessageTests {
  private func terminal(_ columns: Int = 60, _ environment: [String: String] = [:]) -> Terminal {
    Terminal(isTerminal: true, size: columns, environment: environment)
  }

  private let file = Terminal(isTerminal: false, size: nil, environment: [:])

  @Test("colors are for terminals that are not dumb, and never for those who set NO_COLOR")
  func colors() {
    #expect(terminal().isColored && terminal(60, ["NO_COLOR": "", "TERM": "xterm"]).isColored)
    #expect(!file.isColored && !terminal(60, ["NO_COLOR": "1"]).isColored && !terminal(60, ["TERM": "dumb"]).isColored)
  }

  @Test("the width is the terminal's, or that of COLUMNS, or 80 on terminals and 120 elsewhere")
  func widths() {
    let stated = ["COLUMNS": "97"]
    #expect(terminal(60, stated).columns == 60 && terminal(0, stated).columns == 97 && terminal(0).columns == 80)
    #expect(Terminal(isTerminal: false, size: nil, environment: stated).columns == 97 && file.columns == 120)
    for wrong in ["", "wide", "-3", "0"] {
      #expect(Terminal(isTerminal: false, size: nil, environment: ["COLUMNS": wrong]).columns == 120)
    }
    #expect(terminal(3).columns == 20)
  }

  @Test("the header of a table and what marks a message stand out on terminals, and nowhere else")
  func styles() {
    var table = Table(["a", "b"], leftAligned: 1)
    table.add(["x", "1"])
    let text = "Title\n\n\(table)\n\nend"
    let styled = MessageHandler.text(text, .notice, on: terminal())
    #expect(styled == "Title\n\n\u{1b}[1ma  b\u{1b}[0m\n\u{1b}[2m─  ─\u{1b}[0m\nx  1\n\nend")
    #expect(MessageHandler.text(text, .notice, on: file) == text)
    #expect(MessageHandler.text("x", .error, on: terminal()) == "\u{1b}[31mmetasal:\u{1b}[0m x")
    #expect(MessageHandler.text("x", .warning, on: file) == "Warning: x")
    #expect(MessageHandler.text("x", .info, on: terminal()) == "x")
  }

  @Test("control characters in a message are escaped, whatever its level and form")
  func escaping() throws {
    for level in Logger.Level.allCases {
      let text = MessageHandler.text("a\u{1b}[31mb\nc", level, on: file)
      #expect(text.hasSuffix("a\\u{1b}[31mb\nc"), "\(level)")
    }
    let event = LogEvent(
      level: .info, message: "a\u{1b}b\n", error: nil,
      metadata: ["step": .stringConvertible(3), "loss": .stringConvertible(0.5)],
      source: "", file: "", function: "", line: 0)
    let json = MessageHandler.json(event, ["run": "runs/a b"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(!json.contains("\n") && object["message"] as? String == "a\\u{1b}b" && object["level"] as? String == "info")
    #expect(object["step"] as? Int == 3 && object["loss"] as? Double == 0.5 && object["run"] as? String == "runs/a b")
    let time = try #require(object["time"] as? String)
    #expect(try Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)) <= .now)
  }

  @Test("long messages are broken between words on terminals; commands and lists stay as they are")
  func folding() {
    let note = String(repeating: "a word and ", count: 20)
    let folded = MessageHandler.text(
      note, .warning, on: Terminal(isTerminal: true, size: 30, environment: ["TERM": "dumb"]))
    #expect(folded.split(separator: "\n").allSatisfy { $0.count <= 30 } && folded.hasPrefix("Warning: a word"))
    #expect(folded.split(whereSeparator: \.isWhitespace).dropFirst().joined(separator: " ") + " " == note)
    #expect(MessageHandler.text("  " + note, .info, on: terminal(30)) == "  " + note)
    #expect(MessageHandler.text(note, .info, on: file) == note)
  }

  private func evaluationTable() -> Table {
    var table = Table(["method", "layer"] + (1...6).map { "plain, run \($0)" }, leftAligned: 2)
    for method in ["normgrad_selective", "grad_cam"] {
      table.add([method, "features.11"] + (1...6).map { "0.\($0)01 ± 0.123 7?" })
    }
    table.add(["(the objects' share of the area)", ""] + (1...6).map { "0.\($0)99" })
    return table
  }

  @Test(
    "a table that is too wide is laid out in pieces with its columns of words in each",
    arguments: [50, 60, 80, 100, 150])
  func pieces(_ width: Int) throws {
    let table = evaluationTable()
    let pieces = table.text(width: width).split(separator: "\n\n").map { $0.split(separator: "\n") }
    #expect(pieces.joined().allSatisfy { $0.count <= width })
    #expect(pieces.allSatisfy { $0[0].hasPrefix("method ") && $0[0].contains("layer") && Table.isRule($0[1]) })
    #expect(pieces.allSatisfy { $0.contains { $0.hasPrefix("grad_cam ") && $0.contains("features.11") } })
    let words = Set(table.description.split(whereSeparator: \.isWhitespace).filter { !$0.contains("─") })
    #expect(
      Set(pieces.joined().flatMap { $0.split(whereSeparator: \.isWhitespace) }.filter { !$0.contains("─") }) == words)
    for number in 1...6 {
      let owners = pieces.filter { $0[0].contains("run \(number)") }
      #expect(owners.count == 1 && owners[0].contains { $0.contains("0.\(number)01 ±") })
    }
  }

  @Test("a table that fits is in one piece, and a column of sentences is folded between words")
  func folded() {
    let table = evaluationTable()
    #expect(table.text(width: 500) == table.description && !table.description.contains("\n\n"))
    var facts = Table(["", ""], leftAligned: 2)
    facts.add(["memory", "about 62 MiB in training, and 56 MiB in evaluation"])
    #expect(
      facts.text(width: 40) == """
        memory  about 62 MiB in training, and 56
                MiB in evaluation
        """)
    // A word that is longer than the line stays whole.
    facts.add(["path", String(repeating: "x", count: 60)])
    #expect(facts.text(width: 40).contains(String(repeating: "x", count: 60)))
  }

  @Test("a progress line gives up its bar, and then its last facts, where the terminal is narrow")
  func progress() {
    let facts = ["training 5/10", "3.0/s", "2 s left", "loss 1.000  cross_entropy 1.000"]
    let (bar, whole) = ("━━──", "━━──  training 5/10  3.0/s  2 s left  loss 1.000  cross_entropy 1.000")
    #expect(Progress.line(bar, facts, atMost: 100) == whole)
    #expect(Progress.line(bar, facts, atMost: whole.count - 1) == String(whole.dropFirst(6)))
    #expect(Progress.line(bar, facts, atMost: 45) == "training 5/10  3.0/s  2 s left  loss 1.000")
    #expect(Progress.line(bar, facts, atMost: 6) == "traini")
  }

  @Test(
    "a printed command has the same words in a shell, however the path is named and wherever it is broken",
    arguments: [
      "runs/plain", "my runs/it's", "-run", "~/x", "a\"b$(id)`id`", "wörter;&|<>*?[x]", "#no comment", "back\\slash",
      "", "a\nb",
      "!!", "{a,b}", "x=1",
    ])
  func commands(_ path: String) throws {
    let words = [
      "metasal", "export", ShellCommand.path(path), "--to", "safetensors", "--output", "improved.safetensors",
    ]
    let command = ShellCommand(words)
    for width in [20, 40, 60, 500] {
      let text = command.text(width: width)
      let shell = Process()
      shell.executableURL = URL(fileURLWithPath: "/bin/sh")
      shell.arguments = ["-c", "metasal() { printf '%s\\0' metasal \"$@\"; }\n" + text]
      let output = Pipe()
      shell.standardOutput = output
      try shell.run()
      let found = try output.fileHandleForReading.readToEnd() ?? Data()
      shell.waitUntilExit()
      #expect(
        String(decoding: found, as: UTF8.self).split(separator: "\0", omittingEmptySubsequences: false).dropLast()
          == words.map { $0[...] }[...])
      if path == "runs/plain" { #expect(text.split(separator: "\n").allSatisfy { $0.count <= max(width, 40) }) }
    }
    #expect(ShellCommand.quoted("runs/a-b_c.1:2,3+4@5%6=7") == "runs/a-b_c.1:2,3+4@5%6=7")
    #expect(!ShellCommand.path(path).hasPrefix("-"))
  }
}
