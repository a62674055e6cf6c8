import ArgumentParser
import Training

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint's network as weights that PyTorch and others read, with PyTorch's names and shapes.")

  @Argument(help: "The checkpoint, such as runs/…/checkpoints/best.h5.", completion: .file(extensions: ["h5"]))
  var checkpoint: String

  @Option(name: .customLong("to"), help: "The format: safetensors or hdf5.")
  var format: Training.Export.Format

  @Option(help: "The file to write.", completion: .file())
  var output: String

  func run() throws {
    let count = try Training.Export.write(checkpoint: checkpoint, as: format, to: output)
    print("\(output): \(count) tensors")
  }
}

extension Training.Export.Format: ExpressibleByArgument {}
