import ArgumentParser
import Recipes
import Logging
import Training

struct Pack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Put a recipe's images, resized and cropped as it says, into one HDF5 file, which reads faster than many files.",
    discussion: """
      The recipe that reads it says `train: { hdf5: FILE }`, and neither resize nor crop. All classes of an image, boxes and \
      masks go with it, so that the pointing game and binary cross-entropy find what they find in VOC's or COCO's own files.
      """)

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions

  @Option(help: "Which of the recipe's data: train or validation.")
  var split = Packing.Split.train

  @Option(help: "The file to write.", completion: .file(extensions: ["h5"]))
  var output: String

  func run() throws {
    let logger = messages.begin()
    let packed = try logger.timed("packing") { try Packing.write(try recipe.load(), split, to: output, logger: logger) }
    logger.info("\(output): \(packed.count) images")
    for text in (packed.skipped.passedOver.map { [$0] } ?? []) + packed.remarks { logger.warning("\(text)") }
  }
}

extension Packing.Split: ExpressibleByArgument {}
