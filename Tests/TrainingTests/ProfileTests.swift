import Foundation
import Learning
import Networks
import Saliency
import Tensors
import TestSupport
import Testing

@testable import Training

/// Only one profile can be recorded at a time, so these tests are serialized.
@Suite("Profiles", .serialized) struct ProfileTests {
  private func report(
    _ inner: InnerUpdate = InnerUpdate(rate: 0.01), normalization: Pass.Normalization = .running
  ) throws -> Profile.Report {
    var random = RandomSource(seed: 0, purpose: "profile")
    let network = Architecture.plain.network(classes: 3)
    let images = Tensor.normal([2, 16, 16, 3], using: &random)
    let step = MetaStep(
      inner: inner, method: .normGrad, layers: ["features.5"],
      objectives: [
        WeightedObjective(.crossEntropy, weight: 1), WeightedObjective(.binaryCrossEntropy, weight: 1),
        WeightedObjective(.classSensitivity(ClassSensitivity()), weight: 1),
      ], normalization: normalization)
    Profile.start()
    // The phase `data` is not used by other tests that run at the same time; a single worker stays on this thread.
    _ = try Profile.phase(.data) { try step(network, images, labels: [0, 1], workers: 1, random: &random) }
    return try #require(Profile.stop())
  }

  @Test("a meta step's operations are recorded by phase")
  func phases() throws {
    let report = try report()
    for phase in [Profile.Phase.forward, .inner, .map, .outer] {
      let inside = report.totals.filter { $0.phase == phase }
      #expect(inside.contains { $0.name.hasPrefix("convolution") && $0.arithmetic > 0 }, "\(phase)")
      #expect(report.phases[phase] ?? 0 > 0, "\(phase)")
    }
    #expect(report.text().contains("GFLOP/s"))
    #expect(Profile.stop() == nil)
  }

  @Test(
    "all work of a meta step belongs to a phase, including later inner steps and backpropagation through them",
    arguments: InnerUpdate.Scope.allCases, InnerUpdate.Order.allCases)
  func completeness(_ scope: InnerUpdate.Scope, _ order: InnerUpdate.Order) throws {
    for normalization in [Pass.Normalization.running, .batch] {
      let inner = InnerUpdate(rate: 0.01, steps: 3, scope: scope, order: order)
      let others = try report(inner, normalization: normalization).totals.filter { $0.phase == .data }
      #expect(others.isEmpty, "\(others.map(\.name)) in no phase")
    }
  }

  @Test("a trace is JSON whose events lie within the recording")
  func trace() throws {
    let report = try report()
    let object = try JSONSerialization.jsonObject(with: report.trace()) as? [String: Any]
    let events = try #require(object?["traceEvents"] as? [[String: Any]])
    #expect(events.count == report.events.count && !events.isEmpty)
    for event in events {
      let (start, duration) = (event["ts"] as? Double ?? -1, event["dur"] as? Double ?? -1)
      #expect(event["ph"] as? String == "X" && start >= 0 && duration >= 0)
      #expect(start + duration <= Double(report.duration) / 1000)
    }
  }

  @Test("a profile is written to the run's folder, and removed with the run")
  func files() throws {
    let folder = ScratchFolder()
    let run = RunFolder(folder.file("run"))
    _ = try run.prepare(.new, inputs: [], logs: [])
    try run.write(try report())
    #expect(FileManager.default.fileExists(atPath: run.profile) && FileManager.default.fileExists(atPath: run.trace))
    _ = try run.prepare(.overwrite, inputs: [], logs: [])
    #expect(!FileManager.default.fileExists(atPath: run.profile) && !FileManager.default.fileExists(atPath: run.trace))
  }
}
