import Components
import Foundation
import Formats
import Saliency

/// Writes an HTML page about one run or several side by side: a single self-contained file with curves, tables before
/// and after, and figures.
public enum Report {
  /// Writes the page.
  ///
  /// - Parameters:
  ///   - folders: the folders of the runs, finished or not.
  ///   - path: the HTML file to be written.
  /// - Throws: a `FileError` if a folder does not contain a run, or the page cannot be written.
  public static func write(_ folders: [String], to path: String) throws {
    let runs = try folders.map(RunRecord.init)
    try Ownership.requireReplaceable([path], inputs: folders.flatMap { RunFolder($0).allFiles })
    try Files.write(Data(try page(runs, in: Paths.folder(of: path)).utf8), to: path)
  }

  /// The page, whose links lead from `folder` to the runs.
  static func page(_ runs: [RunRecord], in folder: String) throws -> String {
    let title = runs.count == 1 ? runs[0].name : "\(runs.count) runs"
    let sections =
      [summary(runs, in: folder), curves(runs)] + runs.map(tables) + [differences(runs), try gallery(runs)]
      + runs.map(recipe)
    return page(title, "Training for class-selective saliency maps, by metasal.", sections)
  }

  /// A page with a title, a sentence about it, and sections.
  static func page(_ title: String, _ sentence: String, _ sections: [String]) -> String {
    Ownership.pageHead + """
      <meta charset=utf-8>
      <meta name=viewport content="width=device-width, initial-scale=1">
      <meta name=color-scheme content="light dark">
      <title>\(title.escaped) – metasal</title>
      <style>\(style)</style>
      </head>
      <body>
      <header><h1>\(title.escaped)</h1><p>\(sentence.escaped)</p></header>
      <main>
      \(sections.filter { !$0.isEmpty }.joined(separator: "\n"))
      </main>
      </body>
      </html>

      """
  }

  // MARK: - Sections

  private static func summary(_ runs: [RunRecord], in folder: String) -> String {
    let rows = runs.enumerated().map { number, run in
      let (before, after) = (run.evaluations.first?.values, run.evaluations.last?.values)
      func value(_ evaluation: [String: Any]?, _ name: String, _ format: (Double) -> String) -> String {
        (evaluation?[name] as? NSNumber).map { format($0.doubleValue) } ?? "–"
      }
      let state = run.isFinished ? "\(run.recipe.run.steps)" : "\(run.steps.last?.step ?? 0) of \(run.recipe.run.steps)"
      return [
        "<span class=\"key c\(number % seriesColors)\"></span> \(run.name.escaped)",
        "\(run.recipe.model.architecture)".escaped, state,
        value(before, "accuracy", percent), value(after, "accuracy", percent),
        value(before, "cross_entropy") { decimal($0, 3) }, value(after, "cross_entropy") { decimal($0, 3) },
        value(after, "images") { decimal($0, 0) },
      ]
    }
    let heads = [
      "run", "network", "steps", "accuracy before", "after", "cross-entropy before", "after", "images measured",
    ]
    let damaged = runs.filter { $0.damagedLines > 0 }
      .map { "<p class=note>\($0.name.escaped): \($0.damagedLines) damaged lines of metrics.jsonl were left out.</p>" }
    let logs = runs.filter { !$0.logs.isEmpty }.map { run in
      let links = run.logs.map { path in
        "<a href=\"\(link(to: path, from: folder))\">\(Paths.relative(path, from: run.path).escaped)</a>"
      }
      return "<p>Logs of \(run.name.escaped): \(links.joined(separator: ", "))</p>"
    }
    return section("Summary", table(heads, rows, words: 2) + (damaged + logs).joined(separator: "\n"))
  }

  /// The relative address of a file, for pages in a folder.
  private static func link(to path: String, from folder: String) -> String {
    let path = Paths.relative(path, from: folder)
    // What stands before a colon in the first name would be taken for a protocol.
    return ("./" + (path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path)).escaped
  }

  private static func curves(_ runs: [RunRecord]) -> String {
    func chart(_ title: String, isShare: Bool = false, isNoisy: Bool = false, _ points: (RunRecord) -> [Chart.Point])
      -> String
    {
      Chart(
        title: title,
        lines: runs.enumerated().map { number, run in
          Chart.Line(name: run.name, color: number % seriesColors, points: points(run), isNoisy: isNoisy)
        }, isShare: isShare
      ).html
    }
    let names = Set(runs.flatMap { $0.steps.flatMap { $0.values.keys } }).subtracting(["step", "event"])
    let known = ["loss", "cross_entropy", "class_sensitivity", "gradient_norm", "rate"]
    let order = known.filter(names.contains) + names.subtracting(known).sorted()
    var charts = order.prefix(mostCurves).map { name in
      chart("\(name.replacing("_", with: " ")), of each batch", isNoisy: name != "rate") { $0.series(name) }
    }
    charts.append(chart("accuracy, measured", isShare: true) { $0.evaluated("accuracy") })
    // The maps that the objectives of the first run compare.
    if let maps = runs.first?.recipe.saliency {
      for layer in maps.layers {
        for weights in ["plain", "virtual"] {
          charts.append(
            chart("class sensitivity, measured: \(maps.method) at \(layer), \(weights)") {
              $0.evaluated("class_sensitivity", method: maps.method, layer: layer, weights: weights)
            })
        }
      }
    }
    let legend = runs.enumerated().map {
      "<li><span class=\"key c\($0 % seriesColors)\"></span> \($1.name.escaped)</li>"
    }
    let more = order.count - mostCurves
    let note = more > 0 ? "<p class=note>\(more) more values of the steps are not drawn.</p>" : ""
    return section(
      "Curves",
      "<ul class=legend>\(legend.joined())</ul>\(note)<div class=charts>\(charts.joined(separator: "\n"))</div>")
  }

  /// The largest number of curves, since each needs a pass over all steps; no real run logs so many values.
  private static let mostCurves = 100

  private static func tables(_ run: RunRecord) -> String {
    guard let before = run.evaluations.first?.values, let after = run.evaluations.last?.values else { return "" }
    let evaluation = run.recipe.evaluation
    let layers = evaluation.layers + run.recipe.saliency.layers.filter { !evaluation.layers.contains($0) }
    let methods =
      evaluation.methods.contains(run.recipe.saliency.method)
      ? evaluation.methods : evaluation.methods + [run.recipe.saliency.method]
    let weights = evaluation.virtualRate == nil ? ["plain"] : ["plain", "virtual"]
    let body = evaluation.measures.map { measure in
      let rows = methods.flatMap { method in
        layers.map { layer in
          ["\(method)".escaped, layer.escaped]
            + weights.flatMap { weights in
              [before, after].map { cell(RunRecord.cell($0, measure.resultName, method, layer, weights)) }
            }
        }
      }
      let heads = ["method", "layer"] + weights.flatMap { ["\($0), before", "after"] }
      return "<p>\(measure.fullExplanation.escaped)</p>" + table(heads, rows, words: 2)
    }
    guard !body.isEmpty else { return "" }
    let virtual = evaluation.virtualRate.map {
      "<p>Virtual: after one step of \($0) towards the class explained, before its map is made.</p>"
    }
    let note = "<p>Means over images with the 95% interval of the mean; images without a value in brackets.</p>"
    return section("Before and after: \(run.name)", note + (virtual ?? "") + body.joined(separator: "\n"))
  }

  private static func cell(_ entry: [String: Any]?) -> String {
    let reasons = (entry?["reasons"] as? [String: Int] ?? [:]).sorted { $0.key < $1.key }
      .map { "\($0.key.escaped) (\($0.value))" }.joined(separator: ", ")
    guard let entry, let mean = entry["mean"] as? Double else {
      return "undefined" + (reasons.isEmpty ? "" : " <small>\(reasons)</small>")
    }
    let interval = (entry["interval"] as? [Double]).flatMap { $0.count == 2 ? $0 : nil }
    let undefined = entry["undefined"] as? Int ?? 0
    return decimal(mean, 3)
      + (interval.map { " <small>\(decimal($0[0], 3)) to \(decimal($0[1], 3))</small>" } ?? "")
      + (undefined > 0 ? " <small title=\"\(reasons)\">[\(undefined)]</small>" : "")
  }

  /// A table of the keys in which the recipes of the runs differ.
  private static func differences(_ runs: [RunRecord]) -> String {
    guard runs.count > 1 else { return "" }
    let values = runs.map { Dictionary($0.recipe.flattened, uniquingKeysWith: { first, _ in first }) }
    var keys = runs.flatMap { $0.recipe.flattened.map(\.key) }
    var seen = Set<String>()
    keys = keys.filter { seen.insert($0).inserted }
    let differing = keys.filter { key in Set(values.map { $0[key] }).count > 1 }
    let rows = differing.map { key in [key.escaped] + values.map { ($0[key] ?? "–").escaped } }
    return section(
      "What the recipes say differently", table(["key"] + runs.map(\.name.escaped), rows, words: runs.count + 1))
  }

  /// The figures of all runs, with those of the same name side by side.
  private static func gallery(_ runs: [RunRecord]) throws -> String {
    func name(_ path: String) -> String { Paths.stem(of: path) }
    var seen = Set<String>()
    let names = runs.flatMap { $0.figures.map(name) }.filter { seen.insert($0).inserted }
    guard !names.isEmpty else { return "" }
    let rows = try names.map { wanted in
      let figures = try runs.flatMap { run in
        try run.figures.filter { name($0) == wanted }.map { path in
          let data = try Files.read(path, inside: run.path).base64EncodedString()
          let title = runs.count == 1 ? wanted : "\(wanted): \(run.name)"
          return """
            <figure><figcaption>\(title.escaped)</figcaption>
            <img src="data:image/png;base64,\(data)" alt="Maps of \(title.escaped), before and after"></figure>
            """
        }
      }
      return "<div class=\"scroll maps\">\(figures.joined(separator: "\n"))</div>"
    }
    return section(
      "Maps",
      "<p>A row for each class and layer; bright is where the network sees the class. Names say which class is explained "
        + "and which is its contrast class.</p>" + rows.joined(separator: "\n"))
  }

  private static func recipe(_ run: RunRecord) -> String {
    let changes = run.changes.map { "<li>after step \($0.step): \($0.values.joined(separator: "; ").escaped)</li>" }
    let note = changes.isEmpty ? "" : "<p>Changed when the run went on:</p><ul>\(changes.joined())</ul>"
    return "<section><details><summary>Recipe of \(run.name.escaped), with every value</summary>" + note
      + "<div class=scroll><pre>\(run.recipe.yaml.escaped)</pre></div></details></section>"
  }

  // MARK: - Parts

  static func section(_ title: String, _ body: String) -> String {
    "<section><h2>\(title.escaped)</h2>\n\(body)\n</section>"
  }

  /// An HTML table with these headers and rows; its first `words` columns contain text. `style` is a class of the page's
  /// style.
  static func table(_ heads: [String], _ rows: [[String]], words: Int, style: String = "") -> String {
    func row(_ cells: [String], _ tag: String) -> String {
      "<tr>" + cells.enumerated().map { "<\(tag)\($0 < words ? " class=word" : "")>\($1)</\(tag)>" }.joined() + "</tr>"
    }
    return
      "<div class=scroll tabindex=0><table\(style.isEmpty ? "" : " class=\(style)")><thead>\(row(heads, "th"))</thead><tbody>"
      + rows.map { row($0, "td") }.joined(separator: "\n") + "</tbody></table></div>"
  }

  private static let seriesColors = 6
}
