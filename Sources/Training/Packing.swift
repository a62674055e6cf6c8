import Datasets
import Formats
import Logging
import Recipes

/// Writes a data set to a single file.
public enum Packing {
  /// The two data sets of a recipe.
  public enum Split: String, Sendable, CaseIterable { case train, validation }

  /// Writes the images of one of the recipe's data sets, resized and cropped, with their classes and objects; see
  /// `PackedImages`.
  ///
  /// - Parameters:
  ///   - recipe: the recipe.
  ///   - split: which of its data sets.
  ///   - path: the HDF5 file to be written.
  ///   - logger: gets the progress.
  /// - Returns: the number of written images, the errors of broken images that were skipped if the recipe allows it,
  ///   and the remarks of the data set.
  /// - Throws: a `FileError` that names the image if one is broken or differs in size from the first.
  public static func write(
    _ recipe: Recipe, _ split: Split, to path: String, logger: Logger = .silent
  ) throws -> (count: Int, skipped: [FileError], remarks: [String]) {
    try Ownership.requireReplaceable([path], inputs: recipe.inputs)
    let dataset = try (split == .train ? recipe.data.train : recipe.data.validation).dataset()
    let progress = Progress("packing", total: dataset.count, logger: logger)
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
