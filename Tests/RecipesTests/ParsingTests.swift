import Formats
import Foundation
import TestSupport
import Testing

@testable import Recipes

/// What a recipe's text may hold, and how quickly and where it is told what it may not.
@Suite("A recipe's text") struct ParsingTests {
  @Test(
    "what is no number is no number: quotes make a text, and nobody means hexadecimal",
    arguments: [
      ("steps: 10", "steps: '10'", "16: run.steps: expected a whole number from 0 to 1000000000, found '10' in quotes"),
      ("rate: 0.01", "rate: \"0.01\"", "9: inner.rate: expected a number from 1e-12 to 1000000, found '0.01' in quotes"),
      ("rate: 0.01", "rate: |-\n    0.1", "9: inner.rate: expected a number from 1e-12 to 1000000, found '0.1' in quotes"),
      ("rate: 0.01", "rate: 0x1p-3", "9: inner.rate: expected a number from 1e-12 to 1000000, found '0x1p-3'"),
      ("steps: 10", "steps: 0xA", "16: run.steps: expected a whole number from 0 to 1000000000, found '0xA'"),
      ("rate: 0.01", "rate: .inf", "9: inner.rate: expected a number from 1e-12 to 1000000, found '.inf'"),
      ("rate: 0.01", "rate: nan", "9: inner.rate: expected a number from 1e-12 to 1000000, found 'nan'"),
      (
        "name: adam, rate: 1e-3", "name: sgd, momentum: 0.9, rate: 1, nesterov: 'true'",
        "15: optimizer.nesterov: expected true or false, found 'true' in quotes"
      ),
    ])
  func numbers(_ old: String, _ new: String, _ problem: String) throws {
    #expect(try Sample.problems(Sample.replacing(old, new)) == ["r.yaml:" + problem])
  }

  @Test(
    "what recipes have no use for is refused, with its line",
    arguments: [
      ("steps: 10", "steps: !!int 10", "16: a tag, tag:yaml.org,2002:int, that recipes don't know"),
      ("[layer2, layer3.0]", "!!set [layer2]", "11: a tag, tag:yaml.org,2002:set, that recipes don't know"),
      ("run: {", "run: !run {", "16: a tag, !run, that recipes don't know"),
      ("run: {", "run: { [a]: 1,", "16: a key that is no word"),
      ("rate: 0.01", "rate: 0.01\n  rate: 0.02", "9: stated twice: rate"),
      ("run: {", "model: {}\nrun: {", "1: stated twice: model"),
      ("rate: 0.01", "rate: \u{1}", "9: not YAML: control characters are not allowed"),
      ("rate: 0.01", "rate: [", "11: not YAML: "),
      ("rate: 0.01", "rate: *rate", "9: not YAML: found undefined alias"),
    ])
  func refused(_ old: String, _ new: String, _ problem: String) throws {
    let problems = try Sample.problems(Sample.replacing(old, new))
    #expect(problems.count == 1 && problems[0].hasPrefix("r.yaml:" + problem), "\(problems)")
  }

  @Test("a text made to multiply or to nest is an error, and quickly")
  func bombs() throws {
    func bomb(_ level: (String, String) -> String) -> String {
      zip("bcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuv").reduce("a: &a [1, 2]\n") {
        $0 + level("\($1.0)", "\($1.1)")
      }
    }
    let texts = [
      bomb { "\($0): &\($0) [*\($1), *\($1)]\n" },
      bomb { "\($0): &\($0) { ? [*\($1), *\($1)] : 1 }\n" },
      "a: \(String(repeating: "[", count: 100_000))", String(repeating: "- ", count: 100_000),
      "a: [\(String(repeating: "1, ", count: 30_000))]",
    ]
    let start = ContinuousClock.now
    for text in texts { #expect(try Sample.problems(text).count == 1, "\(text.prefix(80))") }
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test("a damaged recipe is read, or its problems are named")
  func damaged() throws {
    let folder = ScratchFolder()
    var fuzzer = Fuzzer(Data(Sample.text.utf8), seed: 11)
    for _ in 0..<Fuzzer.rounds(500) {
      let path = folder.file("r.yaml")
      try fuzzer.next().write(to: URL(fileURLWithPath: path))
      do { _ = try Recipe.load(path, overrides: []) } catch let error as RecipeError {
        #expect(!error.problems.isEmpty)
      } catch let error as FileError { #expect(error.file == path) }
    }
  }

  @Test("a value may be repeated by an alias")
  func alias() throws {
    #expect(try Sample.problems(Sample.replacing("rate: 1e-3", "rate: &small 1e-3, epsilon: *small")) == [])
  }

  @Test(
    "`~` states nothing, and so does a key's own word for it",
    arguments: ["model.weights=~", "model.weights=", "inner.parameters=all", "inner.parameters=~", "run.workers=all"])
  func nothing(_ flag: String) throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(try folder.write("r.yaml", Sample.text), overrides: [flag])
    if flag.hasPrefix("model") { #expect(recipe.model.weights == nil) }
    if flag.hasPrefix("inner") { #expect(recipe.inner?.parameters == nil) }
    if flag.hasPrefix("run") { #expect(recipe.run.workers == nil) }
  }

  @Test(
    "the resolved recipe states everything and loads back to the same, whatever its words look like",
    arguments: [
      [], ["optimizer.name=adamw", "model.batch_norm=train"], ["optimizer.weight_decay=~", "optimizer.clip_norm=5"],
      ["run.output=\"~\""], ["run.output='1e3'"], ["run.output=\"null\""], ["run.output='a: b # c'"],
      ["run.output=\"läufe/🐟 \\t\\n\\u0007\""], ["run.output=\"true\"", "run.workers=2"], ["run.output=' x '"],
      ["model.weights='~'"], ["model.weights=\"wäge/*.th\""], ["model.weights=\"'\\\"\""],
      ["inner.parameters=\"all\"", "inner.order=first"], ["inner.parameters=['~', 'a, b', '*.w']"],
      ["data.train={ folder: ~/x }"], ["data.train={ cifar10: [a, 'b c', \"1\"] }"], ["data.augmentation=[]"],
    ])
  func resolved(_ overrides: [String]) throws {
    let folder = ScratchFolder()
    let path = try folder.write("a/r.yaml", Sample.text)
    let recipe = try Recipe.load(path, overrides: overrides)
    let again = try Recipe.load(try folder.write("b/c/again.yaml", recipe.yaml))
    #expect(again.yaml == recipe.yaml)
    #expect(again.run.output == recipe.run.output)
    #expect(again.inner?.parameters == recipe.inner?.parameters)
    #expect(again.model.weights == recipe.model.weights.map(Paths.absolute))
    #expect(again.optimizer.optimizer == recipe.optimizer.optimizer)
  }
}
