import Components
import Formats
import Foundation
import TestSupport
import Testing

@testable import Recipes

/// The texts that recipes may contain, and the errors for others, which must come quickly and with their place.
@Suite("A recipe's text") struct ParsingTests {
  @Test(
    "quoted numbers are texts, and hexadecimal numbers are refused",
    arguments: [
      ("steps: 10", "steps: '10'", "16: run.steps: expected a whole number from 0 to 1000000000, found '10' in quotes"),
      (
        "rate: 0.01", "rate: \"0.01\"", "9: inner.rate: expected a number from 1e-12 to 1000000, found '0.01' in quotes"
      ),
      (
        "rate: 0.01", "rate: |-\n    0.1",
        "9: inner.rate: expected a number from 1e-12 to 1000000, found '0.1' in quotes"
      ),
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
    "YAML features that recipes do not support are errors with their line",
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

  @Test("a text with exploding aliases or deep nesting is refused quickly")
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

  @Test("a damaged recipe is read, or its problems are reported")
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
    "`~` means no value, and so does a key's own word for it",
    arguments: ["model.weights=~", "model.weights=", "inner.parameters=all", "inner.parameters=~", "run.workers=all"])
  func nothing(_ flag: String) throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(try folder.write("r.yaml", Sample.text), overrides: [flag])
    if flag.hasPrefix("model") { #expect(recipe.model.weights == nil) }
    if flag.hasPrefix("inner") { #expect(recipe.inner?.parameters == nil) }
    if flag.hasPrefix("run") { #expect(recipe.run.workers == nil) }
  }

  @Test(
    "the resolved recipe states everything and loads back to the same recipe, whatever its texts look like",
    arguments: [
      [], ["optimizer.name=adamw", "model.batch_norm=train"], ["optimizer.weight_decay=~", "optimizer.clip_norm=5"],
      ["run.output=\"~\""], ["run.output='1e3'"], ["run.output=\"null\""], ["run.output='a: b # c'"],
      ["run.output=\"läufe/🐟 \\t\\n\\u0007\""], ["run.output=\"true\"", "run.workers=2"], ["run.output=' x '"],
      ["model.weights='~'"], ["model.weights=\"wäge/*.th\""], ["model.weights=\"'\\\"\""],
      ["inner.parameters=\"all\"", "inner.order=first"], ["inner.parameters=['~', 'a, b', '*.w']"],
      ["data.train={ folder: ~/x }"], ["data.train={ folder: { path: x, classes: c } }"], ["data.train={ hdf5: x }"],
      ["data.train={ hdf5: { file: x, labels: l } }"], ["data.train={ csv: { file: x, box_columns: [a, b, c, d] } }"],
      ["data.train={ idx: { images: i, labels: l } }"], ["data.train={ cifar100: { files: [a, b] } }"],
      [
        "data.mixing=[cutmix, { mixup: { alpha: 0.3 } }]",
        "data.augmentation=[padded_crop, { padded_crop: { padding: 2 } }]",
      ],
      ["optimizer={ name: sgd, rate: 1, momentum: 0.5, schedule: { name: cosine } }"],
      ["data.train={ cifar10: [a, 'b c', \"1\"] }"], ["data.augmentation=[]"],
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
    #expect(again.optimizer.rule.isEqual(to: recipe.optimizer.rule))
    #expect(again.data.train.isEqual(to: recipe.data.train))
  }
}
