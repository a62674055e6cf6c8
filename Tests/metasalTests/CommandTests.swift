import Foundation
import Formats
import TestSupport
import Testing

@testable import Training

/// The program from the user's view: its messages, exit codes, and files.
@Suite("The command line") struct CommandTests {
  private let program = Program()
  private var folder: ScratchFolder { program.folder }

  private func run(_ arguments: String...) throws -> Program.Answer { try program.start(arguments).finish() }

  private func recipe(_ change: (String) -> String = { $0 }) throws -> String {
    try folder.write(
      "r.yaml",
      change(
        """
        model: { architecture: plain, weights: ~ }
        data:
          train: { scenes: { count: 40, size: 16, classes: 4 } }
          validation: { scenes: { count: 4, size: 16, classes: 4, seed: 1 } }
          batch: 4
        inner: { rate: 0.02 }
        saliency: { method: normgrad, layers: [features.5] }
        outer:
          - { objective: cross_entropy }
          - { objective: class_sensitivity, weight: 0.5 }
        optimizer: { name: adam, rate: 0.003 }
        evaluation: { images: 4, virtual_rate: 0.02, figures: 1 }
        run: { steps: 3, output: run }
        """))
  }

  /// The path of the repository's checkpoint of the plain network.
  private static let weights = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../checkpoints/plain-scenes.safetensors").standardized.path

  private func image(_ name: String, width: Int = 24, height: Int = 20) throws {
    let pixels = (0..<(width * height * 3)).map { UInt8(truncatingIfNeeded: $0 * $0 % 251) }
    try RGBImage(width: width, height: height, pixels: pixels).writePNG(to: folder.file(name))
  }

  @Test("explain draws every map and a sheet, and writes the maps as named tensors")
  func explain() throws {
    try image("a.png")
    try image("b.png")
    let network = ["--model", "plain", "--weights", Self.weights]
    let answer = try program.start(
      ["explain", "a.png", "b.png"] + network + [
        "--class", "top", "3", "--method", "normgrad", "conv3x3/filtered_norm", "--layer", "features.5", "features.8",
        "--combine", "weighted_sum", "--layer-weights", "1,3", "--virtual-rate", "0", "0.01", "--raw",
        "maps.safetensors",
      ]
    ).finish()
    #expect(answer.code == 0, "\(answer.errors)")
    #expect(answer.output.contains("a.png") && answer.output.contains("without a map"))
    let raw = try Safetensors.read(folder.file("maps.safetensors"))
    // Two kinds of weights, two methods and two classes at two layers and combined, and the logits.
    #expect(raw.entries.count == 2 * 2 * 2 * 3 + 1)
    #expect(raw["map.normgrad.features.5.top"]?.shape == [2, 10, 12])
    #expect(raw["meta0.01.conv3x3/filtered_norm.combined.3"]?.shape == [2, 20, 24])
    let figures = try FileManager.default.contentsOfDirectory(atPath: folder.file("explained"))
    #expect(figures.count == 2 * (2 * 2 * 2 * 3 + 1))

    let single = try program.start(
      ["explain", "*.png"] + network + ["--no-figures", "--raw", "one.h5", "--class", "bottom", "--output", "none"]
    ).finish()
    #expect(single.code == 0)
    #expect(!FileManager.default.fileExists(atPath: folder.file("none")))
  }

  @Test("explain reports what is wrong with its arguments")
  func explainRefusals() throws {
    try image("a.png")
    try folder.write("broken.png", "no image")
    let network = ["--model", "plain", "--weights", Self.weights]
    let cases: [(arguments: [String], code: Int32, message: String)] = [
      (["a.png"], 64, "--run"), (["a.png", "--model", "plain"], 64, "--weights"),
      (["a.png"] + network + ["--layer", "features.55"], 65, "did you mean 'features.5'"),
      (["a.png"] + network + ["--method", "normgard"], 64, "normgard"),
      (["a.png"] + network + ["--method", "rise"], 65, "only layer is 'input'"),
      (["a.png"] + network + ["--method", "normgrad_conv", "--layer", "features.5"], 65, "features.12"),
      (["a.png"] + network + ["--class", "cat"], 64, "no class 'cat'"),
      (["a.png"] + network + ["--class", "99"], 64, "no class '99'"),
      (["missing.png"] + network, 66, "missing.png"), (["broken.png"] + network, 65, "broken.png"),
      (["a.png"] + network + ["--layer-weights", "1,2", "--layer", "features.5"], 64, "2 --layer-weights for 1"),
      (["a.png"] + network + ["--mean", "0.5"], 64, "--std"),
      (["a.png"] + network + ["--virtual-parameters", "layer9.*"], 64, "layer9.*"),
      (["a.png", "--run", "nowhere"], 66, "nowhere"),
      (["a.png", "--model", "resnet20", "--weights", Self.weights], 65, "linear.bias"),
      (["a.png"] + network + ["--output", "/proc/nothing"], 73, "/proc/nothing"),
    ]
    for (arguments, code, message) in cases {
      let answer = try program.start(["explain"] + arguments).finish()
      #expect(answer.code == code, "\(arguments): \(answer.errors)")
      #expect(answer.errors.contains(message), "\(arguments): \(answer.errors)")
    }
  }

  @Test("train, resume, evaluate, export and inspect work in turn")
  func journey() throws {
    let recipe = try recipe()
    #expect(try run("check", recipe).code == 0)
    let trained = try run("train", recipe)
    #expect(trained.code == 0)
    #expect(trained.output.contains("After step 3") && trained.output.contains("metasal export"))
    let again = try run("train", recipe)
    #expect(again.code == 73 && again.errors.contains("--resume"))
    #expect(try run("train", recipe, "--resume", "--set", "run.steps=5").output.contains("After step 5"))
    #expect(
      try run("train", recipe, "--overwrite", "--set", "run.steps=1", "outer.1.weight=0").output.contains(
        "After step 1"))
    #expect(try run("evaluate", recipe, "--weights", "run/checkpoints/last.h5").output.contains("normgrad"))
    #expect(try run("export", "run/checkpoints/last.h5", "--to", "safetensors", "--output", "w.safetensors").code == 0)
    try image("a.png", width: 16, height: 16)
    #expect(try run("explain", "a.png", "--run", "run", "--class", "disk").output.contains("a.png"))
    let inspected = try run("inspect", "w.safetensors").output
    #expect(inspected.contains("architecture: plain") && inspected.contains("features.0.weight"))
    #expect(try run("evaluate", recipe, "--weights", "w.safetensors").code == 0)
  }

  @Test("a torchvision network is checked and trained by name, also with more classes than the data have")
  func zoo() throws {
    let recipe = try recipe {
      $0.replacingOccurrences(of: "plain", with: "resnet18").replacingOccurrences(of: "features.5", with: "layer2.0")
        .replacingOccurrences(of: "steps: 3", with: "steps: 1")
    }
    #expect(try run("check", recipe).output.contains("resnet18, 11178564 parameters, 4 classes"))
    #expect(try run("train", recipe, "--set", "model.classes=300").output.contains("After step 1"))
  }

  @Test("an interrupt finishes the step, saves, and exits with 130", arguments: [SIGINT, SIGTERM])
  func interrupt(_ signal: Int32) throws {
    let recipe = try recipe { $0.replacingOccurrences(of: "steps: 3", with: "steps: 100000") }
    let running = try program.start(["train", recipe])
    let metrics = folder.file("run/metrics.jsonl")
    for _ in 0..<600
    where ((try? String(contentsOfFile: metrics, encoding: .utf8)) ?? "").split(separator: "\n").count < 4 {
      usleep(50_000)
    }
    kill(running.number, signal)
    let answer = try running.finish()
    #expect(answer.code == 130)
    #expect(answer.errors.contains("continue with --resume"))
    #expect(try Checkpoint(contentsOf: folder.file("run/checkpoints/last.h5")).step >= 3)
  }

  @Test(
    "bad input gives one clear message and the right exit code, and creates no run",
    arguments: [
      ("a misspelt key", "plain,", "plain, wieghts: x,", Int32(65), "unknown key; did you mean 'weights'?"),
      ("a wrong type", "batch: 4", "batch: four", 65, "r.yaml:5: data.batch: expected a whole number"),
      ("missing weights", "weights: ~", "weights: none.pth", 66, "none.pth: no such file"),
      (
        "a missing folder", "{ scenes: { count: 40, size: 16, classes: 4 } }", "{ folder: none }", 66,
        "none: no such folder"
      ),
      ("images too small for the network", "plain", "vgg11", 65, "16×16 pixels, but the network needs at least 32×32"),
      ("a layer that is not there", "[features.5]", "[features.5x]", 65, "did you mean 'features.5'?"),
    ])
  func badInput(_ what: String, _ old: String, _ new: String, _ code: Int32, _ message: String) throws {
    let answer = try run("train", try recipe { $0.replacingOccurrences(of: old, with: new) })
    #expect(answer.code == code, "\(what): \(answer.errors)")
    #expect(answer.errors.contains(message), "\(what): \(answer.errors)")
    #expect(answer.errors.hasPrefix("metasal: ") && !answer.errors.contains("Fatal"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
  }

  @Test("a missing recipe, a wrong command line and weights of another network have their own exit codes")
  func otherInput() throws {
    #expect(try run("train", "none.yaml").code == 66)
    #expect(try run("train").code == 64)
    #expect(try run("fly").code == 64)
    #expect(try run("export", "none.h5", "--to", "safetensors", "--output", "x").code == 66)
    #expect(try run("export", try recipe(), "--to", "hdf5", "--output", "x").code == 65)
    let recipe = try recipe()
    #expect(try run("train", recipe).code == 0)
    let other = try run(
      "evaluate", recipe, "--set", "model.architecture=resnet20", "saliency.layers=[layer1]", "--weights",
      "run/checkpoints/last.h5")
    #expect(other.code == 65)
    #expect(other.errors.contains("missing in the weights") && other.errors.contains("not part of the network"))
  }

  @Test("a truncated JPEG in a folder and a hostile checkpoint are named")
  func damagedInput() throws {
    for name in ["ant", "bee"] {
      try Files.makeFolder(folder.file("images/" + name))
      for i in 0..<4 {
        try RGBImage(width: 16, height: 16, pixels: [UInt8](repeating: UInt8(i), count: 768)).writePNG(
          to: folder.file("images/\(name)/\(i).png"))
      }
    }
    let fixtures =
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
      + "/FormatsTests/Fixtures/"
    let jpeg = try Data(contentsOf: URL(fileURLWithPath: fixtures + "rgb.jpg"))
    try jpeg.prefix(jpeg.count / 2).write(to: URL(fileURLWithPath: folder.file("images/bee/broken.jpg")))
    let source = "{ scenes: { count: 40, size: 16, classes: 4 } }"
    let recipe = try recipe {
      $0.replacingOccurrences(of: source, with: "{ folder: images }")
        .replacingOccurrences(of: "{ scenes: { count: 4, size: 16, classes: 4, seed: 1 } }", with: "{ folder: images }")
        .replacingOccurrences(of: "images: 4", with: "images: 1").replacingOccurrences(of: "batch: 4", with: "batch: 9")
    }
    let answer = try run("train", recipe)
    #expect(answer.code == 65 && answer.errors.contains("broken.jpg: broken JPEG"), "\(answer.errors)")
    let hostile = try run("evaluate", try self.recipe(), "--weights", fixtures + "hostile.pth")
    #expect(hostile.code == 65 && hostile.errors.contains("posix.system"))
  }

  @Test("an output folder that cannot be created is an error")
  func unwritable() throws {
    let blocked = try folder.write("blocked", "a file")
    let answer = try run("train", try recipe(), "--output", blocked + "/run")
    #expect(answer.code == 73 && answer.errors.contains("blocked"))
    #expect(try String(contentsOfFile: blocked, encoding: .utf8) == "a file")
  }
}
