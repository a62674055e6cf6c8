import Formats
import Foundation
import TestSupport
import Testing

/// What commands print, where, and how.
@Suite("Messages of commands") struct MessageOptionTests {
  private let program = Program()

  private static let network = ["--model", "plain", "--weights", "w.safetensors"]

  /// Every command that takes the options; those after the first read the files that the first one leaves.
  private static let commands = [
    ["train", "r.yaml", "--overwrite"], ["evaluate", "r.yaml"], ["explain", "a.png"] + network,
    ["lr-find", "r.yaml", "--steps", "14"], ["pack", "r.yaml", "--output", "o.h5"],
    ["export", "run/checkpoints/last.h5", "--output", "o.safetensors"],
    ["convert", "w.safetensors", "--model", "plain", "--output", "o.pth"], ["report", "run", "--output", "o.html"],
  ]

  private func prepare() throws {
    try program.folder.write("r.yaml", Program.recipe)
    try FileManager.default.copyItem(atPath: Program.weights, toPath: program.folder.file("w.safetensors"))
    try RGBImage(width: 24, height: 20, pixels: (0..<1440).map { UInt8($0 % 251) }).writePNG(
      to: program.folder.file("a.png"))
  }

  private func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Program.Answer {
    try program.start(arguments, environment: environment).finish()
  }

  @Test("--quiet leaves results alone, and --verbose adds details, of every command")
  func amount() throws {
    try prepare()
    for command in Self.commands {
      let usual = try run(command)
      let quiet = try run(command + ["--quiet"])
      let verbose = try run(command + ["--verbose"])
      #expect([usual, quiet, verbose].allSatisfy { $0.code == 0 }, "\(command): \(verbose.errors)")
      func withoutWarnings(_ answer: Program.Answer) -> [Substring] {
        answer.errors.split(separator: "\n").filter { !$0.hasPrefix("Warning: ") }
      }
      #expect(withoutWarnings(quiet).isEmpty && !withoutWarnings(usual).isEmpty, "\(command): \(quiet.errors)")
      #expect(quiet.output == usual.output && verbose.output == usual.output, "\(command)")
      let added = Set(verbose.errors.split(separator: "\n")).subtracting(usual.errors.split(separator: "\n"))
      #expect(added.contains { $0.contains(#/: \d+\.\d\d s$/#) }, "\(command): \(added)")
    }
    #expect(try run(["train", "r.yaml", "--overwrite", "-v"]).errors.contains("memory      about"))
    #expect(try run(["train", "r.yaml", "-q", "-v"]).code == 64)
  }

  @Test("with --log-format json every line is an object, results and errors included")
  func json() throws {
    try prepare()
    func objects(_ text: String) throws -> [[String: Any]] {
      try text.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
    }
    for command in Self.commands {
      let answer = try run(command + ["--log-format", "json", "--verbose"])
      let (results, others) = (try objects(answer.output), try objects(answer.errors))
      #expect(answer.code == 0 && results.allSatisfy { $0["level"] as? String == "notice" }, "\(command)")
      #expect(
        !others.isEmpty && others.allSatisfy { ["debug", "info", "warning"].contains($0["level"] as? String) },
        "\(command)")
      #expect((results + others).allSatisfy { $0["time"] is String && $0["message"] is String }, "\(command)")
      if command[0] == "train" {
        #expect(results.count == 3 && results.allSatisfy { $0["run"] as? String == "run" && $0["step"] is Int })
        let step = try #require(others.first { ($0["message"] as? String)?.hasPrefix("Step 2: accuracy") == true })
        #expect(step["step"] as? Int == 2 && step["accuracy"] is Double && step["outer_loss"] is Double)
        let training = try #require(others.first { ($0["message"] as? String)?.hasPrefix("training: ") == true })
        #expect(training["seconds"] is Double)
      }
    }
    let failed = try run(["evaluate", "none.yaml", "--log-format", "json"])
    let error = try #require(try objects(failed.errors).first)
    #expect(failed.code == 66 && error["level"] as? String == "error" && error["code"] as? Int == 66)
    #expect((error["message"] as? String)?.contains("none.yaml") == true && failed.output.isEmpty)
    #expect(try run(["evaluate", "r.yaml", "--log-format", "xml"]).code == 64)
  }

  @Test("warnings are printed with --quiet too")
  func warnings() throws {
    try prepare()
    #expect(try run(["train", "r.yaml", "-q"]).code == 0)
    let recipe = try String(contentsOfFile: program.folder.file("run/recipe.yaml"), encoding: .utf8)
    try program.folder.write("run/recipe.yaml", recipe + "# mine\n")
    let answer = try run(["train", "r.yaml", "--resume", "-q"])
    #expect(answer.code == 0 && answer.errors.hasPrefix("Warning: run/recipe.yaml was changed by somebody"))
  }

  @Test("nothing is colored that is not written to a terminal, and lines of tables have COLUMNS characters at most")
  func files() throws {
    try prepare()
    for columns in ["60", "100"] {
      let answer = try run(["evaluate", "r.yaml"], ["COLUMNS": columns, "TERM": "xterm-256color"])
      #expect(answer.code == 0 && !(answer.output + answer.errors).contains("\u{1b}"))
      #expect(answer.output.split(separator: "\n").allSatisfy { $0.count <= Int(columns) ?? 0 })
    }
  }

  @Test(
    "on a terminal headers and errors are colored, unless NO_COLOR is set, and no line is longer than it",
    arguments: [60, 80])
  func terminal(_ columns: Int) throws {
    try prepare()
    let environment = ["TERM": "xterm-256color", "NO_COLOR": ""]
    for command in [
      ["models"], ["check", "r.yaml"], ["evaluate", "r.yaml", "-q"], ["train", "r.yaml", "--overwrite"],
    ] {
      let shown = try program.onTerminal(command, columns: columns, environment: environment)
      let plain = try program.onTerminal(
        command, columns: columns, environment: environment.merging(["NO_COLOR": "1"]) { $1 })
      #expect(shown.contains("\u{1b}[1m") == (command[0] != "check"), "\(command)")
      #expect(!plain.contains("\u{1b}[1m") && !plain.contains("\u{1b}[2m"), "\(command)")
      // What a line that is drawn again and again leaves, without the escapes.
      let lines = plain.split(separator: "\r\n").map { $0.split(separator: "\u{1b}[K").last ?? "" }
      #expect(lines.allSatisfy { $0.count <= columns }, "\(command): \(lines.filter { $0.count > columns })")
    }
    let error = try program.onTerminal(["check", "none.yaml"], columns: columns, environment: environment)
    #expect(error.contains("\u{1b}[31mmetasal:\u{1b}[0m none.yaml: no such recipe"))
  }

  @Test("the end of a run prints commands that a shell runs, however its folder is named")
  func printedCommand() throws {
    try prepare()
    let answer = try run(["train", "r.yaml", "--output", "it's \"my\" run; $HOME", "-q"])
    #expect(answer.code == 0)
    let printed = try #require(answer.output.components(separatedBy: "Take the network elsewhere with\n").last)
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.currentDirectoryURL = URL(fileURLWithPath: program.folder.path)
    shell.arguments = ["-c", "metasal() { '\(Program.path.path)' \"$@\" 2>/dev/null; }\n\(printed)"]
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
    #expect(FileManager.default.fileExists(atPath: program.folder.file("improved.safetensors")))
  }
}
