import Datasets
import Foundation
import Formats
import TestSupport
import Testing

@testable import Training

@Suite("Keys that change a run, and not its numbers") struct RunKeyTests: MakesShortRuns {
  let runs = ShortRuns()

  /// The keys that this suite tests, and those of `evaluation.every`, `run.patience` and so on whose tests say more.
  static let keys = [
    "data.workers", "data.cache", "data.broken_images", "evaluation.every", "evaluation.figures", "run.time_limit",
    "run.patience", "run.checkpoint_every", "run.keep_best", "run.output", "run.workers", "run.recompute",
    "run.compare_precision", "run.logs",
  ]

  private func events(_ run: RunFolder, _ name: String) throws -> Int {
    try String(contentsOfFile: run.metrics, encoding: .utf8).split(separator: "\n").count {
      $0.contains("\"event\":\"\(name)\"")
    }
  }

  @Test("evaluation.every is the number of steps between evaluations")
  func every() throws {
    #expect(try events(try run(try setup(["evaluation.every=0"]), "rare"), "evaluation") == 2)
    #expect(try events(try run(try setup(["evaluation.every=3"]), "often"), "evaluation") == 4)
  }

  @Test("run.logs are written beside metrics.jsonl")
  func logs() throws {
    let run = try run(try setup(["run.logs=[csv, tensorboard]", "evaluation.every=0"]), "run")
    let names = try FileManager.default.contentsOfDirectory(atPath: run.path)
    #expect(["metrics.csv", "evaluations.csv", "tensorboard"].allSatisfy(names.contains))
    let plain = try self.run(try setup(["evaluation.every=0"]), "plain")
    #expect(try !FileManager.default.contentsOfDirectory(atPath: plain.path).contains { $0.contains("csv") })
  }

  @Test("evaluation.figures is the number of images that are drawn")
  func figures() throws {
    for count in [0, 3] {
      #expect(try run(try setup(["evaluation.figures=\(count)"]), "\(count)").figureFiles.count == count)
    }
  }

  @Test("run.time_limit ends training early, and it can be resumed")
  func timeLimit() throws {
    let short = try run(try setup(["run.time_limit=0.001", "run.steps=100000", "evaluation.every=0"]), "short")
    let step = try Checkpoint(contentsOf: short.last).step
    #expect(step < 100_000)
    let more = try run(try setup(["run.steps=\(step + 2)", "evaluation.every=0"]), "short", resumes: true)
    #expect(try Checkpoint(contentsOf: more.last).step == step + 2)
  }

  @Test("run.patience ends training when evaluations find nothing lower")
  func patience() throws {
    let settings = ["optimizer.rate=1e-12", "evaluation.every=1"]
    let patient = try run(try setup(settings + ["run.patience=2"]), "patient")
    #expect(try Checkpoint(contentsOf: patient.last).step < 9)
  }

  @Test("run.checkpoint_every is the number of steps between checkpoints, by which a run that is killed goes on")
  func checkpoints() throws {
    for (every, kept) in [(4, 4), (0, nil)] as [(Int, Int?)] {
      let run = RunFolder(folder.file("run-\(every)"))
      let look = Look(at: run.last, after: 7)
      try Trainer(
        try setup(["run.checkpoint_every=\(every)", "evaluation.every=0"]), folder: run, observers: [look]
      ).run()
      #expect(look.step == kept)
    }
  }

  /// Reads the step of the last checkpoint on the disk when a step ends.
  private final class Look: TrainingObserver {
    let (path, number): (String, Int)
    private(set) var step: Int?

    init(at path: String, after number: Int) { (self.path, self.number) = (path, number) }

    func stepTaken(_ record: TrainingStep.Record) {
      if record.step == number { step = (try? Checkpoint(contentsOf: path))?.step }
    }
  }

  @Test("run.output names the run's folder")
  func output() throws {
    let recipe = try setup(["run.output=\(folder.file("named"))"]).recipe
    #expect(RunFolder(recipe.run.output).path == folder.file("named"))
  }

  @Test("run.workers is the number of threads, by default and at most that of processors, and changes no bit")
  func workers() throws {
    let processors = ProcessInfo.processInfo.activeProcessorCount
    let setups = try [1, processors + 1].map { try setup(["run.workers=\($0)", "evaluation.every=0"]) }
    #expect(setups.map(\.workers) == [1, processors])
    #expect(setups.map(\.trainingStep.workers) == [1, processors])
    #expect(setups.map { $0.notes.contains { $0.contains("run.workers is \(processors + 1)") } } == [false, true])
    #expect(try setup().workers == processors)
    let ends = try setups.map { try contents(try run($0, "\($0.workers)").last) }
    #expect(ends[0] == ends[1])
  }

  @Test("run.recompute makes a step that recomputes activations, and needs less memory by the estimate")
  func recompute() throws {
    let settings =
      ["model.batch_norm=frozen", "model.weights=\(fixture("../../../checkpoints/plain-scenes.safetensors"))"]
      + ["data.train={ scenes: { size: 128 } }", "data.validation={ scenes: { size: 128 } }", "inner.scope=batch"]
    let (kept, again) = (try setup(settings), try setup(settings + ["run.recompute=true"]))
    #expect(!kept.step.recomputes && again.step.recomputes)
    #expect(again.memory.training < kept.memory.training)
  }

  @Test("run.compare_precision compares float32 with float64 before training, or does not")
  func comparePrecision() throws {
    #expect(try setup().comparePrecisions() != nil)
    #expect(try setup(["run.compare_precision=false"]).comparePrecisions() == nil)
  }

  // MARK: - Reading images

  /// Writes four images of each of two classes, and returns the settings that read them.
  private func images() throws -> [String] {
    for index in 0..<8 {
      let path = folder.file("images/\(index % 2 == 0 ? "a" : "b")")
      try Files.makeFolder(path)
      let pixels = (0..<(16 * 16 * 3)).map { UInt8(truncatingIfNeeded: $0 * (index + 3)) }
      try RGBImage(width: 16, height: 16, pixels: pixels).writePNG(to: path + "/\(index).png")
    }
    return [
      "data.train={ folder: \(folder.file("images")) }", "data.validation={ folder: \(folder.file("images")) }",
      "data.batch=4", "evaluation.images=2", "data.augmentation=[]",
    ]
  }

  /// Reads the training images of an epoch.
  private func read(_ setup: Setup, epoch: Int = 0) throws {
    for step in 0..<2 { _ = try setup.train.batch(step: 2 * epoch + step) }
  }

  @Test("data.cache keeps decoded images, so that they are not read again")
  func cache() throws {
    let settings = try images()
    let setups = try [[], ["data.cache=16"]].map { try setup(settings + $0) }
    for setup in setups { try read(setup) }
    try FileManager.default.removeItem(atPath: folder.file("images"))
    #expect(throws: (any Error).self) { try read(setups[0], epoch: 1) }
    #expect(throws: Never.self) { try read(setups[1], epoch: 1) }
  }

  @Test("data.broken_images stops at an image that cannot be read, or passes it over and says so")
  func brokenImages() throws {
    let settings = try images()
    let setups = try [[], ["data.broken_images=skip"]].map { try setup(settings + $0) }
    try Data("no image".utf8).write(to: URL(filePath: folder.file("images/a/0.png")))
    #expect(throws: FileError.self) { try read(setups[0]) }
    #expect(throws: Never.self) { try read(setups[1]) }
    #expect(setups[1].findings?.contains("could not be read and passed over") == true)
  }

  @Test("data.workers is the number of threads that read images at the same time", arguments: [1, 3])
  func readers(_ workers: Int) throws {
    let recipe = try setup(["data.workers=\(workers)"]).recipe
    let meeting = Meeting(of: workers)
    let source = BatchSource(meeting, size: 4, normalization: recipe.data.normalization)
    let batches = Prefetcher(source, steps: 0..<4, threads: recipe.data.workers)
    while try batches.next() != nil {}
    #expect(meeting.most == workers)
  }

  /// A data set whose first readers wait for each other.
  private final class Meeting: Dataset, @unchecked Sendable {
    let count = 16
    let classNames = ["a", "b"]
    private let expected: Int
    private let condition = NSCondition()
    private var (readers, greatest) = (0, 0)

    init(of expected: Int) { self.expected = expected }

    /// The largest number of readers at the same time.
    var most: Int { condition.withLock { greatest } }

    func sample(at index: Int) -> Sample {
      condition.withLock {
        readers += 1
        greatest = max(greatest, readers)
        condition.broadcast()
        // A reader that waits in vain ends the test as one that failed.
        let end = Date(timeIntervalSinceNow: 10)
        while greatest < expected, condition.wait(until: end) {}
      }
      defer { condition.withLock { readers -= 1 } }
      return Sample(
        image: RGBImage(width: 8, height: 8, pixels: .init(repeating: 9, count: 192)), label: index % 2, source: "test")
    }
  }
}
