import Components
import Datasets
import Learning
import Recipes
import Saliency

extension Sample.Object {
  /// The pixels that the object covers in an image of this size: its mask if there is one, and otherwise its box.
  func region(width: Int, height: Int) -> Region {
    mask.map { Region(width: width, height: height, mask: $0) }
      ?? Region(width: width, height: height, boxes: [(columns, rows)])
  }
}

extension Batch {
  /// The objects of each image as a meta step takes them; nil if none of its objectives uses them.
  func objects(for step: MetaStep) -> [[MetaStep.Batch.Object]]? {
    guard step.usesObjects else { return nil }
    let (height, width) = (images.shape[1], images.shape[2])
    return objects.map { objects in
      objects.map { MetaStep.Batch.Object(label: $0.label, region: $0.region(width: width, height: height)) }
    }
  }
}

extension Setup {
  /// Whether an objective of a recipe uses the objects of training images.
  ///
  /// - Parameter recipe: the recipe.
  /// - Returns: whether training reads objects.
  /// - Throws: a `RecipeError` if the augmentations or the mixing of the recipe cannot move objects along.
  static func readsObjects(_ recipe: Recipe) throws -> Bool {
    guard let name = objectiveOnObjects(of: recipe) else { return false }
    for (index, augmentation) in recipe.data.augmentation.enumerated() where !augmentation.keepsObjectsInPlace {
      throw recipe.problem(
        "data.augmentation.\(index)",
        "\(name) uses the objects of training images, and \(augmentation.name) does not say where it moves them; "
          + "leave it out, or take flips, crops, color_jitter or random_erasing")
    }
    if let mixing = recipe.data.mixing.first {
      throw recipe.problem(
        "data.mixing",
        "\(name) uses the objects of training images, and in images mixed by \(mixing.name) they are mixed too; leave it out"
      )
    }
    return true
  }

  /// Checks that images have objects, if an objective uses them, by some images all over each data set.
  ///
  /// - Parameters:
  ///   - recipe: the recipe.
  ///   - train: the training images.
  ///   - validation: the validation images.
  /// - Returns: notes for the user about validation images without objects.
  /// - Throws: a `RecipeError` if no training image has an object.
  static func checkObjects(_ recipe: Recipe, _ train: any Dataset, _ validation: any Dataset) throws -> [String] {
    guard let name = objectiveOnObjects(of: recipe) else { return [] }
    func found(_ dataset: any Dataset) -> (images: Int, hasObjects: Bool) {
      let indices = dataset.spread(imagesSearched)
      // Images that cannot be read are reported where they are used.
      return (indices.count, indices.contains { (try? dataset.sample(at: $0))?.objects.isEmpty == false })
    }
    let (own, other) = (found(train), found(validation))
    guard own.hasObjects else {
      throw recipe.problem(
        "data.train", "\(name) uses annotated objects, and none of \(own.images) of its images has a box or a mask")
    }
    return other.hasObjects
      ? [] : ["None of \(other.images) of the validation images has an annotated object, so \(name) is 0 on them."]
  }

  private static let imagesSearched = 64

  /// The name of the first objective that uses objects; nil if there is none.
  private static func objectiveOnObjects(of recipe: Recipe) -> String? {
    recipe.outer.first { $0.weight != 0 && $0.objective.needs(recipe.maps(of: $0)).usesObjects }?.objective.name
  }
}
