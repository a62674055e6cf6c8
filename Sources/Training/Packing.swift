import Datasets
import Formats
import Recipes

/// Data sets as one file.
public enum Packing {
  /// A recipe's two data sets.
  public enum Split: String, Sendable, CaseIterable { case train, validation }

  /// Writes the images of a recipe's data, framed as it says, with their classes; see `PackedImages`.
  ///
  /// - Returns: how many there are.
  /// - Throws: a ``FileError`` that names the image if one is broken, or not of the first one's size.
  public static func write(_ recipe: Recipe, _ split: Split, to path: String) throws -> Int {
    let dataset = try (split == .train ? recipe.data.train : recipe.data.validation).dataset()
    let progress = Progress("packing", total: dataset.count)
    try HDF5Images.write(
      dataset.count, classNames: dataset.classNames, to: path, progress: { progress.update($0) },
      {
        let sample = try recipe.data.framing(dataset.sample(at: $0))
        return (sample.picture, sample.label)
      })
    progress.clear()
    return dataset.count
  }
}
