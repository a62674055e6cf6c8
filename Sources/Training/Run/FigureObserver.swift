import Formats
import Networks

/// An observer that draws the maps of a few images before and after training when the run is over.
struct FigureObserver: TrainingObserver {
  let setup: Setup
  let folder: RunFolder

  func runEnds(before: Network, after: Network) throws {
    let figures = try Gallery(setup).draw(before: before, after: after, into: folder.figures)
    for file in folder.figureFiles where !figures.contains(file) { try Ownership.remove(file) }
  }
}
