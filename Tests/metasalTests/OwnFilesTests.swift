import Formats
import Foundation
import Testing

/// A user's files in a folder are unchanged after any command.
@Suite("The user's files") struct OwnFilesTests {
  private let program = Program()
  private var folder: String { program.folder.path }

  /// Writes a photograph without metasal's mark.
  private func photograph(_ name: String) throws {
    let path = program.folder.file(name)
    try Files.makeFolder((path as NSString).deletingLastPathComponent)
    try RGBImage(width: 24, height: 20, pixels: (0..<1440).map { UInt8($0 % 251) }).writePNG(to: path)
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    data.removeSubrange(33..<(33 + 12 + "Software\0metasal".utf8.count))
    try data.write(to: URL(fileURLWithPath: path))
  }

  private func write(_ name: String, _ text: String) throws { try program.folder.write(name, text) }

  private func copy(_ from: String, _ to: String) throws {
    try FileManager.default.copyItem(atPath: from, toPath: program.folder.file(to))
  }

  private func expectRefused(_ arguments: [String], _ message: String) throws {
    let before = try program.contents()
    let answer = try program.start(arguments).finish()
    #expect(answer.code == 73, "\(arguments): \(answer.errors)")
    #expect(answer.errors.contains(message), "\(arguments): \(answer.errors)")
    #expect(try program.contents() == before, "\(arguments)")
  }

  @Test("no command replaces a file that metasal did not write, or one that it reads")
  func commands() throws {
    try write("r.yaml", Program.recipe)
    try write("list.csv", "image,label\na.png,1\n")
    try write("notes.html", "<!doctype html>\n<p>mine")
    try write("notes.json", #"{"mine": 1}"#)
    try photograph("photos/a.png")
    try photograph("photos/below/b.png")
    try copy(Program.weights, "w.safetensors")
    symlink("w.safetensors", program.folder.file("link.safetensors"))
    link(program.folder.file("w.safetensors"), program.folder.file("hard.safetensors"))
    #expect(try program.run("train", "r.yaml").code == 0)
    #expect(try program.run("pack", "r.yaml", "--output", "packed.h5").code == 0)
    try write(
      "packed.yaml",
      Program.recipe.replacingOccurrences(
        of: "train: { scenes: { count: 40, size: 16, classes: 4 } }", with: "train: { hdf5: packed.h5 }"))
    #expect(try program.run("convert", "w.safetensors", "--output", "own.safetensors").code == 0)

    let network = ["--model", "plain", "--weights", "w.safetensors"]
    let foreign = "did not write what is there"
    let input = "is read by this command"
    for (arguments, message) in [
      (["evaluate", "r.yaml", "--csv", "list.csv"], foreign),
      (["evaluate", "r.yaml", "--json", "notes.json"], foreign),
      (["evaluate", "r.yaml", "--csv", "r.yaml"], input), (["evaluate", "r.yaml", "--json", "photos/a.png"], foreign),
      (["evaluate", "r.yaml", "--weights", "own.safetensors", "--json", "own.safetensors"], input),
      (["evaluate", "packed.yaml", "--csv", "packed.h5"], input),
      (["evaluate", "r.yaml", "--csv", "new", "--json", "./new"], "written twice"),
      (["check", "r.yaml", "--figure", "photos/a.png"], foreign), (["check", "r.yaml", "--figure", "r.yaml"], input),
      (["explain", "photos", "--output", "photos"] + network, input),
      (["explain", "photos/a.png", "--output", "photos"] + network, input),
      (["explain", "photos/a.png", "--no-figures", "--raw", "photos/a.png"] + network, input),
      (["explain", "photos/a.png", "--no-figures", "--raw", "w.safetensors"] + network, input),
      (["explain", "photos/a.png", "--no-figures", "--raw", "photos/below/b.png"] + network, foreign),
      (["explain", "photos/a.png", "--run", "run", "--no-figures", "--raw", "run/checkpoints/last.h5"], input),
      (["report", "run", "--output", "notes.html"], foreign),
      (["report", "run", "--output", "run/recipe.yaml"], input),
      (["report", "run", "--output", "run/metrics.jsonl"], input),
      (["export", "run/checkpoints/last.h5", "--output", "run/checkpoints/last.h5"], input),
      (["export", "run/checkpoints/last.h5", "--to", "onnx", "--output", "notes.json"], foreign),
      (["convert", "own.safetensors", "--output", "own.safetensors"], input),
      (["convert", "w.safetensors", "--output", "link.safetensors"], input),
      (["convert", "w.safetensors", "--output", "hard.safetensors"], input),
      (["convert", "own.safetensors", "run/checkpoints/best.h5", "--output", "own.safetensors"], input),
      (["pack", "r.yaml", "--output", "photos/a.png"], foreign),
      (["pack", "packed.yaml", "--output", "packed.h5"], input),
    ] { try expectRefused(arguments, message) }
  }

  @Test("a repeated command replaces metasal's own files, and no others")
  func again() throws {
    try write("r.yaml", Program.recipe)
    try photograph("photos/a.png")
    for _ in 0..<2 {
      for arguments in [
        ["train", "r.yaml", "--overwrite", "--profile"],
        ["evaluate", "r.yaml", "--csv", "t.csv", "--json", "t.json"], ["check", "r.yaml", "--figure", "first.png"],
        ["explain", "photos", "--run", "run", "--output", "maps", "--raw", "maps.safetensors"],
        ["explain", "photos", "--run", "run", "--output", "photos/maps", "--raw", "maps.h5"],
        ["report", "run", "--output", "report.html"], ["pack", "r.yaml", "--output", "packed.h5"],
        ["export", "run/checkpoints/best.h5", "--output", "w.safetensors"],
        ["export", "run/checkpoints/best.h5", "--output", "w.pth"],
        ["export", "run/checkpoints/best.h5", "--output", "w.onnx"],
        ["convert", "w.pth", "--output", "w.h5"],
      ] {
        let answer = try program.start(arguments).finish()
        #expect(answer.code == 0, "\(arguments): \(answer.errors)")
        // Otherwise these figures would be inputs of the next command too.
        try? FileManager.default.removeItem(atPath: program.folder.file("photos/maps"))
      }
    }
  }

  @Test(
    "a run does not touch other files in its folder, and does not start if it would have to replace one",
    arguments: ["recipe.yaml", "metrics.jsonl", "profile.txt", "checkpoints/best.h5", "figures/holiday.png"])
  func runFolder(_ name: String) throws {
    try write("r.yaml", Program.recipe)
    try write("run/notes.txt", "mine")
    if name.hasSuffix("png") { try photograph("run/" + name) } else { try write("run/" + name, "mine: 1\n") }
    for mode in [[], ["--overwrite"]] { try expectRefused(["train", "r.yaml"] + mode, "run/" + name) }
    try FileManager.default.removeItem(atPath: program.folder.file("run/" + name))

    #expect(try program.run("train", "r.yaml").code == 0)
    try photograph("run/figures/below/holiday.png")
    #expect(try program.run("train", "r.yaml", "--overwrite").code == 0)
    let contents = try program.contents()
    #expect(contents["run/notes.txt"] == Data("mine".utf8) && contents["run/figures/below/holiday.png"] != nil)
    // A user's file takes the place of one of the run's files.
    try write("run/" + name, "mine: 1\n")
    try expectRefused(["train", "r.yaml", "--overwrite"], "run/" + name)
  }

  @Test("a run is not overwritten if it contains an input, or if the user has changed its recipe")
  func ownInputs() throws {
    try write("r.yaml", Program.recipe)
    #expect(try program.run("train", "r.yaml").code == 0)
    try expectRefused(["train", "run/recipe.yaml", "--overwrite"], "run/recipe.yaml")
    for file in ["best.h5", "last.h5"] {
      for mode in ["--overwrite", "--resume"] {
        try expectRefused(
          ["train", "r.yaml", mode, "--set", "model.weights=run/checkpoints/\(file)"], "run/checkpoints/\(file)")
      }
    }
    #expect(try program.run("train", "run/recipe.yaml", "--resume", "--set", "run.steps=4").code == 0)
    let recipe = program.folder.file("run/recipe.yaml")
    #expect(try String(contentsOfFile: recipe, encoding: .utf8).contains("steps: 4"))
    let changed = try String(contentsOfFile: recipe, encoding: .utf8).replacingOccurrences(
      of: "steps: 4", with: "steps: 5")
    try write("run/recipe.yaml", changed)
    try expectRefused(["train", "r.yaml", "--overwrite"], "run/recipe.yaml")
    let answer = try program.run("train", "run/recipe.yaml", "--resume")
    #expect(answer.code == 0 && answer.output.contains("After step 5") && answer.errors.contains("stays as it is"))
    #expect(try String(contentsOfFile: recipe, encoding: .utf8) == changed)
  }
}
