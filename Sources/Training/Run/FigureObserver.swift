import Formats
import Networks

/// Draws what training did to the maps of a few images, when the run is over.
struct FigureObserver: TrainingObserver {
  let setup: Setup
  let folder: RunFolder

  func runEnds(before: Network, after: Network) throws {
    let figures = try Gallery(setup).draw(before: before, after: after, into: folder.figures)
    for file in folder.figureFiles where !figures.contains(file) { try Ownership.remove(file) }
  }
}
