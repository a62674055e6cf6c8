import Datasets
import Formats
import Recipes

/// Data sets as one file.
public enum Packing {
  /// A recipe's two data sets.
  public enum Split: String, Sendable, CaseIterable { case train, validation }

  /// Writes the images of a recipe's data, resized and cropped as it says, with their classes and objects; see `PackedImages`.
  ///
  /// - Returns: how many there are, what was wrong with those that were passed over, if the recipe asks for that, and what of
  ///   the others was left out, or taken otherwise than it stands there.
  /// - Throws: a `FileError` that names the image if one is broken, or not of the first one's size.
  public static func write(
    _ recipe: Recipe, _ split: Split, to path: String
  ) throws -> (count: Int, skipped: [FileError], remarks: [String]) {
    try Ownership.requireReplaceable([path], inputs: recipe.inputs)
    let dataset = try (split == .train ? recipe.data.train : recipe.data.validation).dataset()
    let progress = Progress("packing", total: dataset.count)
    var skipped: [FileError] = []
    let count = try PackedImages.write(
      dataset.count, classNames: dataset.classNames, to: path, progress: { progress.update($0) },
      { index in
        do { return try recipe.data.resizeCrop(dataset.sample(at: index)) } catch let error as FileError
          where recipe.data.brokenImages == .skip
        {
          skipped.append(error)
          return nil
        }
      })
    progress.clear()
    return (count, skipped, dataset.remarks.texts)
  }
}
