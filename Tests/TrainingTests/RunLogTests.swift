import Components
import Foundation
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Formats
@testable import Training

/// The logs of a run beside `metrics.jsonl`.
@Suite("CSV tables and event files of runs") struct RunLogTests: MakesShortRuns {
  let runs = ShortRuns()

  private func lines(_ path: String) throws -> [[String]] {
    try Files.lines(path).map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
  }

  private func events(_ run: RunFolder) throws -> [Tensorboard_Event] {
    EventRecords.events(try Files.read(run.eventFile)).map {
      var event = $0
      event.wallTime = 0
      return event
    }
  }

  /// The values of an event file by their names, with their steps.
  private func values(_ run: RunFolder) throws -> [String: [(step: Int, value: Tensorboard_Summary.Value)]] {
    try events(run).reduce(into: [:]) { values, event in
      for value in event.summary.value { values[value.tag, default: []].append((Int(event.step), value)) }
    }
  }

  private static let logs = "run.logs=[csv, tensorboard]"

  @Test("the tables and the curves have the numbers of the run's log")
  func numbers() throws {
    let run = try run(try setup([Self.logs]), "run")
    let log = try MetricsLog.events(run.metrics)
    let steps = try lines(run.metricsTable)
    #expect(steps[0] == ["step", "loss", "gradient_norm", "rate", "cross_entropy", "class_sensitivity"])
    let curves = try values(run)
    for (column, name) in steps[0].enumerated().dropFirst() {
      let logged = log.filter { $0.name == "step" }.map { $0.values[name] as? Double }
      #expect(steps.dropFirst().map { Double($0[column]) } == logged && logged.count == 9, "\(name)")
      #expect(curves["train/\(name)"]?.map(\.value.simpleValue) == logged.map { Float($0 ?? .nan) }, "\(name)")
      #expect(curves["train/\(name)"]?.map(\.step) == Array(1...9))
    }
    let table = try lines(run.evaluationsTable)
    #expect(
      table[0].joined(separator: ",") == "step,measure,method,layer,weights,mean,std,low,high,images,undefined,reasons")
    #expect(Set(table.dropFirst().map { $0[0] }) == ["0", "4", "8", "9"])
    for row in table.dropFirst() {
      let event = try #require(log.first { $0.name == "evaluation" && "\($0.step)" == row[0] }).values
      let cells = event[row[1]] as? [[String: Any]]
      let cell = cells?.first {
        [$0["method"], $0["layer"], $0["weights"]].map { $0 as? String } == row[2...4].map(\.self)
      }
      let layers = event[row[1]] as? [String: Any]
      #expect((cell?["mean"] ?? layers?[row[3]] ?? event[row[1]]) as? Double == Double(row[5]), "\(row)")
      let tag = (["evaluation"] + row[1...4].filter { !$0.isEmpty }).joined(separator: "/")
      #expect(curves[tag]?.first { "\($0.step)" == row[0] }?.value.simpleValue == Float(row[5]), "\(row)")
    }
    #expect(table.contains { $0[0...4] == ["9", "class_sensitivity", "grad_cam", "features.8", "virtual"] })
    #expect(table.contains { $0[0...1] == ["9", "accuracy"] && $0[9] == "6" })
  }

  @Test("the norms of the parameters' gradients are those of which the gradient's norm is made")
  func histograms() throws {
    let setup = try setup([Self.logs])
    let run = try run(setup, "run")
    let norms = try #require(try values(run)["train/gradient_norms_of_parameters"])
    #expect(norms.map(\.step) == Array(1...9))
    let totals = try lines(run.metricsTable).dropFirst().map { Double($0[2]) ?? .nan }
    for (norm, total) in zip(norms, totals) {
      #expect(norm.value.histo.num == Double(setup.network.parameters.count))
      #expect(abs(norm.value.histo.sumSquares.squareRoot() - total) < 1e-6 * total)
    }
    // Without TensorBoard they are not computed.
    let step = try self.setup().trainingStep
    let state = TrainingState(network: setup.network, random: RandomSource(seed: 0, purpose: "test"))
    #expect(try step(state, setup.train.batch(step: 0)).record.gradientNorms.isEmpty)
  }

  @Test("the figures are images in the event file")
  func figures() throws {
    let run = try run(try setup([Self.logs]), "run")
    let images = try values(run).filter { $0.key.hasPrefix("figures/") }
    #expect(images.count == 2 && run.figureFiles.count == 2)
    for path in run.figureFiles {
      let image = try #require(images["figures/" + Paths.stem(of: path)])
      #expect(image.map(\.step) == [9])
      #expect(try Files.read(path) == image[0].value.image.encodedImageString)
      let size = try RGBImage(contentsOf: path)
      #expect((Int(image[0].value.image.width), Int(image[0].value.image.height)) == (size.width, size.height))
    }
  }

  @Test("a run that is resumed leaves the tables and events of one that never stopped", arguments: [2, 4, 5, 8])
  func resumed(_ stop: Int) throws {
    let setup = try setup([Self.logs])
    let whole = try run(setup, "whole")
    #expect(throws: RunEnd.self) { try run(setup, "parts", stopAfter: stop) }
    // What was logged after the last checkpoint does not count.
    let stopped = RunFolder(folder.file("parts"))
    let extra = try EventLog(stopped.eventFile) { _, _ in true }
    try extra.add([.init("train/loss", .scalar(7))], step: stop + 1)
    for table in [stopped.metricsTable, stopped.evaluationsTable] {
      try LogFile(table).append(Data("\(stop + 1),7\n".utf8))
    }
    let parts = try run(setup, "parts", resumes: true)
    #expect(try Files.read(parts.metricsTable) == Files.read(whole.metricsTable))
    #expect(try Files.read(parts.evaluationsTable) == Files.read(whole.evaluationsTable))
    #expect(try events(parts) == events(whole))
    // A finished run that is resumed stays as it is.
    let again = try run(setup, "parts", resumes: true)
    #expect(try Files.read(again.metricsTable) == Files.read(whole.metricsTable))
    #expect(try events(again) == events(whole))
  }

  @Test("objectives that a resumed run no longer has keep their column, after those of the new ones")
  func otherObjectives() throws {
    #expect(throws: RunEnd.self) { try self.run(try setup([Self.logs]), "run", stopAfter: 3) }
    let run = try self.run(
      try setup([Self.logs, "outer=[{ objective: sparsity }, { objective: cross_entropy }]"]), "run", resumes: true)
    let table = try lines(run.metricsTable)
    #expect(table[0] == ["step", "loss", "gradient_norm", "rate", "sparsity", "cross_entropy", "class_sensitivity"])
    #expect(table.map { $0[0] } == ["step"] + (1...9).map { "\($0)" })
    #expect(
      table[1...3].allSatisfy { $0[4].isEmpty && !$0[6].isEmpty }
        && table[4...].allSatisfy { !$0[4].isEmpty && $0[6].isEmpty })
  }

  @Test(
    "tables that are asked for later begin with what the run's log holds, and logs that are not asked for are removed")
  func changed() throws {
    let whole = try self.run(try setup([Self.logs]), "whole")
    #expect(throws: RunEnd.self) { try self.run(try setup(), "run", stopAfter: 5) }
    #expect(!FileManager.default.fileExists(atPath: RunFolder(folder.file("run")).metricsTable))
    let run = try self.run(try setup(["run.logs=csv"]), "run", resumes: true)
    #expect(try Files.read(run.metricsTable) == Files.read(whole.metricsTable))
    #expect(try Files.read(run.evaluationsTable) == Files.read(whole.evaluationsTable))
    #expect(try Files.read(run.metrics) == Files.read(whole.metrics), "the kinds of logs change no number")
    _ = try self.run(try setup(), "whole", resumes: true)
    for path in [whole.metricsTable, whole.evaluationsTable, whole.events] {
      #expect(!FileManager.default.fileExists(atPath: path), "\(path)")
    }
  }

  @Test(
    "a user's file in the place of a log is refused, and stays",
    arguments: ["metrics.csv", "evaluations.csv", "tensorboard/events.out.tfevents.metasal"])
  func foreign(_ name: String) throws {
    let path = try folder.write("run/" + name, "mine,1\n")
    let error = #expect(throws: FileError.self) { try run(try setup([Self.logs]), "run") }
    #expect(error?.file == path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine,1\n")
  }

  @Test("a user's file stays in the place of a log that is not asked for, whatever the run does")
  func leftAlone() throws {
    let path = try folder.write("run/metrics.csv", "mine,1\n")
    _ = try run(try setup(["run.steps=2"]), "run")
    _ = try run(try setup(["run.steps=3"]), "run", resumes: true)
    try Trainer(try setup(["run.steps=1"]), folder: RunFolder(folder.file("run"))).run(.overwrite)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine,1\n")
  }

  @Test("fields with commas and quotes are quoted in CSV")
  func quoting() {
    #expect(["a", "b,c", "d\"e", "f\ng"].csv == "a,\"b,c\",\"d\"\"e\",\"f\ng\"")
  }

  @Test("the report of a run links to its logs, relative to the page")
  func report() throws {
    let run = try run(try setup([Self.logs, "run.steps=1"]), "a run: #1")
    let page = folder.file("pages/report.html")
    try Files.makeFolder(folder.file("pages"))
    try Report.write([run.path], to: page)
    let text = try String(contentsOfFile: page, encoding: .utf8)
    let links = text.matches(of: /<a href="([^"]+)">([^<]+)<\/a>/).map { ($0.1, $0.2) }
    #expect(
      links.map { String($0.1) } == [
        "metrics.jsonl", "metrics.csv", "evaluations.csv", "tensorboard/events.out.tfevents.metasal",
      ])
    for (link, _) in links {
      let target = URL(string: String(link), relativeTo: URL(fileURLWithPath: page))
      #expect(FileManager.default.fileExists(atPath: target?.path ?? ""), "\(link)")
    }
  }
}
