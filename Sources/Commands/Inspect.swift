import ArgumentParser
import Training

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the names and shapes of a weight file's tensors, and its metadata.")

  @Argument(
    help: "A checkpoint, safetensors, PyTorch, HDF5 or ONNX file; FILE::ENTRY means the tensors below an entry of it.",
    completion: .file())
  var file: String

  func run() throws { say(try Inspection.describe(file, width: Terminal.output.columns)) }
}
