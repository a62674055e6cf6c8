import Recipes

extension SweepPlan {
  /// A table of the chosen runs and of what is done of them, for the user, in lines of at most `width` characters.
  ///
  /// - Throws: a `FileError` if a file of a run cannot be read.
  public func overview(_ choice: Sweep.Choice, width: Int) throws -> String {
    var table = Table(["run", "folder", "recipe", "length", "state"], leftAligned: 5)
    for run in runs where choice.includes(run, named: file.points[run.point].name) {
      table.add([
        String(run.index), run.folder.path, file.points[run.point].recipe, run.length, try run.state().words,
      ])
    }
    let chosen = file.halving.map { halving in
      let counts = (0..<halving.rungs).reduce(into: [file.points.count]) { counts, _ in
        counts.append(halving.survivors(of: counts[counts.count - 1]))
      }
      return "Of the points of a rung only the best ones are run in the next: "
        + counts.prefix(halving.rungs).map(String.init).joined(separator: ", ") + "."
    }
    return table.text(width: width) + (chosen.map { "\n\n" + $0.folded(to: width) } ?? "")
  }
}

extension SweepRun.State {
  /// The state in words.
  fileprivate var words: String {
    switch self {
    case .new: "new"
    case .begun: "begun"
    case .trained: "trained, not measured yet"
    case .finished: "finished"
    case .other(let changes): "of another recipe (\(changes.prefix(3).joined(separator: "; ")))"
    }
  }
}
