import ArgumentParser
import Formats
import Networks
import Logging
import Training

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint's network for PyTorch and others, with PyTorch's names and shapes.")

  @Argument(help: "The checkpoint, such as runs/…/checkpoints/best.h5.", completion: .file(extensions: ["h5"]))
  var checkpoint: String

  @OptionGroup var target: TargetOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions

  func run() throws {
    let logger = messages.begin()
    let format = try target.resolved()
    let count = try logger.timed("\(checkpoint) as \(format.rawValue)") {
      try Training.Export.write(
        checkpoint: checkpoint, as: format, precision: target.precision, side: target.size, to: target.output)
    }
    logger.info("\(target.output): \(count) tensors")
  }
}

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the weights of any file in another format, or the mean of several files' weights.")

  @Argument(
    help: ArgumentHelp(
      "PyTorch, safetensors, HDF5 or ONNX files, including metasal's checkpoints; of several files the mean is written.",
      discussion: "FILE::ENTRY means the tensors below an entry of a file, as in checkpoint.pth::state_dict_ema."),
    completion: .file())
  var files: [String]

  @Option(help: "The network that the weights belong to, which is checked; required for ONNX.")
  var model: Architecture?

  @OptionGroup var target: TargetOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions

  func validate() throws {
    guard try target.resolved() != .onnx || model != nil else {
      throw ValidationError("ONNX holds a network, so --model is needed.")
    }
  }

  func run() throws {
    let logger = messages.begin()
    let format = try target.resolved()
    let (count, notes) = try logger.timed("\(files.joined(separator: ", ")) as \(format.rawValue)") {
      try Training.Export.convert(
        files, architecture: model, as: format, precision: target.precision, side: target.size, to: target.output)
    }
    for note in notes { logger.info("\(note)") }
    logger.info("\(target.output): \(count) tensors\(files.count > 1 ? ", means of \(files.count) files" : "")")
  }
}

/// The options for the output file and its format.
struct TargetOptions: ParsableArguments {
  @Option(
    name: .customLong("to"),
    help: "The format: safetensors, hdf5, pytorch or onnx; by default the one that the output's extension names.")
  var format: WeightFile.Format?

  @Option(help: "The file to write.", completion: .file())
  var output: String

  @Option(help: "float64, float32, float16 or bfloat16; by default that of the weights.")
  var precision: StoredPrecision?

  @Option(help: "The side of the images, for ONNX of networks that depend on it.")
  var size: Int?

  func validate() throws {
    _ = try resolved()
    guard (1...8192).contains(size ?? 1) else { throw ValidationError("--size is from 1 to 8192 pixels.") }
  }

  func resolved() throws -> WeightFile.Format {
    guard let format = format ?? WeightFile.Format(path: output) else {
      throw ValidationError(
        "The extension of '\(output)' names no format; say --to safetensors, hdf5, pytorch or onnx.")
    }
    return format
  }
}

extension WeightFile.Format: ExpressibleByArgument {}
extension StoredPrecision: ExpressibleByArgument {}
