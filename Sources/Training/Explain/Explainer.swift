import Components
import Datasets
import Foundation
import Formats
import Logging
import Networks
import Recipes
import Saliency
import Tensors

/// Explains image files: writes figures to a folder and maps to a file.
public struct Explainer: Sendable {
  private let model: Model
  private let network: Network
  private let explanation: Explanation
  private let workers: Int
  private let logger: Logger

  /// Prepares a network for an explanation.
  ///
  /// - Parameters:
  ///   - model: the network with its preprocessing.
  ///   - explanation: the maps.
  ///   - workers: the number of threads.
  ///   - logger: gets the progress.
  /// - Throws: an ``ExplanationError`` if a layer does not exist, or a method has no map at a layer.
  public init(
    _ model: Model, _ explanation: Explanation, workers: Int = Parallel.processors, logger: Logger = .silent
  ) throws {
    (self.model, self.explanation, self.workers, self.logger) = (model, explanation, workers, logger)
    network = explanation.prepared(model.network)
    let side = max(64, network.architecture.smallestSide)
    let names = network.layerNames(height: side, width: side)
    for layer in explanation.layers {
      guard names.contains(layer) else {
        let hint = nearest(to: layer, among: names).map { "did you mean '\($0)'?" }
        let stages = network.stages(height: side, width: side).joined(separator: ", ")
        throw ExplanationError(
          "\(network.architecture) has no layer with locations named '\(layer)'; \(hint ?? "such are \(stages)")")
      }
      for method in explanation.methods {
        if let reason = method.obstacle(at: layer, of: network) { throw ExplanationError(reason) }
      }
    }
  }

  /// The summary of an explained image.
  public struct Line: Sendable {
    /// The path of the image.
    public let file: String
    /// The most and the least likely class with their probabilities; named "none" if the logits are not finite.
    public let top, bottom: (name: String, probability: Double)
    /// The constant maps and the non-finite maps, as method and layer.
    public let constant, notFinite: [String]
    /// The layers that were left out of combined maps because their map is constant.
    public let skipped: [String]
  }

  private struct Item: Sendable {
    let image: RGBImage
    let result: Explanation.Result
  }

  /// Explains images, several in parallel if there are several threads.
  ///
  /// - Parameters:
  ///   - files: the images; see ``ImageFiles``.
  ///   - folder: the folder for figures; nil for none.
  ///   - raw: the safetensors or HDF5 file for maps and logits; nil for none.
  /// - Returns: a summary of each image, in their order.
  /// - Throws: a `FileError` if an image cannot be read or is too small or too large, or an output cannot be written.
  public func callAsFunction(_ files: [String], folder: String?, raw: String?) throws -> [Line] {
    // Check that every image exists and every output name is valid before work begins.
    for file in files {
      // Such a name had invalid bytes, which were replaced when it was read, so it no longer leads to the file.
      guard !file.contains("\u{FFFD}") || FileManager.default.fileExists(atPath: file) else {
        throw FileError(.malformed, file, "the file's name is not UTF-8; rename it")
      }
      try Files.requireFile(file)
    }
    let names = OutputNames(files, classes: model.allClassNames)
    var kept = try RawMaps(explanation, model, names)
    let drawing = ExplanationFigures(explanation: explanation, names: names, inputs: Set(paths: files))
    if let folder {
      try drawing.requireRoom(for: files.indices.map(names.sheet), in: folder)
      try Files.makeFolder(folder)
    }
    var lines: [Line] = []
    var failure: (any Error)?
    let progress = Progress("explaining", total: files.count, logger: logger)
    try Parallel.forEachInOrder(
      files.count, workers: workers,
      { index in
        let image = try model.resizeCrop(
          Sample(image: RGBImage(contentsOf: files[index]), label: 0, source: files[index])
        ).image
        let side = network.architecture.smallestSide
        guard min(image.width, image.height) >= side else {
          throw FileError(
            .malformed, files[index],
            "\(image.width)×\(image.height) pixels, but \(network.architecture) needs at least \(side)×\(side)")
        }
        try requireMemory(for: image, files[index], among: files.count)
        let result = explanation(network, model.normalization([image]))
        if let folder { try drawing.write(result, of: image, index, into: folder) }
        return Item(image: image, result: result)
      }
    ) { item in
      guard failure == nil else { return }
      if raw != nil {
        do { try kept.add(item.result, files[lines.count]) } catch { failure = error }
      }
      lines.append(line(item.result, files[lines.count]))
      progress.update(lines.count)
    }
    progress.clear()
    if let failure { throw failure }
    if let raw { try kept.write(to: raw) }
    return lines
  }

  private func line(_ result: Explanation.Result, _ file: String) -> Line {
    let probabilities = result.logits.reshaped([1, -1]).softmax().doubles
    let logits = result.logits.doubles
    func class_(_ isBetter: (Double, Double) -> Bool) -> (String, Double) {
      let best = logits.indices.reduce(0) { isBetter(logits[$1], logits[$0]) ? $1 : $0 }
      guard probabilities.allSatisfy(\.isFinite) else { return ("none", .nan) }
      return (model.className(best), probabilities[best])
    }
    func maps(_ state: MapState) -> [String] {
      result.maps.filter { $1.mapState == state }.keys.map { "\($0.method) at \($0.layer)" }.sorted()
    }
    return Line(
      file: file, top: class_(>), bottom: class_(<),
      constant: maps(.constant), notFinite: maps(.notFinite),
      skipped: Set(result.skipped.flatMap(\.layers)).sorted())
  }

  /// Throws if the image needs more memory than is available. The estimate covers a forward pass, its graph if there
  /// are virtual updates, and the copies of the parameters that these make.
  private func requireMemory(for image: RGBImage, _ file: String, among count: Int) throws {
    let scalar = Double(network.scalarType.size)
    let isMoved = explanation.updates.contains { $0 != nil }
    let activations = network.activationCount(height: image.height, width: image.width)
    let parameters = network.parameters.reduce(0) { $0 + $1.count }
    let images = Double(min(workers, count))
    let wanted = images * scalar * (activations * (isMoved ? 2 : 1) + Double(parameters) * (isMoved ? 1.2 : 0))
    // Small images always fit, and querying the system takes time.
    guard wanted > 1e8, let available = Memory.available, wanted > Double(available) else { return }
    throw FileError(
      .malformed, file,
      "\(image.width)×\(image.height) pixels take about \(Memory.words(wanted)) of memory, where "
        + "\(Memory.words(Double(available))) are available; --resize makes images smaller")
  }
}

/// An error about an explanation that the network cannot give.
public struct ExplanationError: Error, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// Finds image files by path, folder or pattern.
public enum ImageFiles {
  /// The PNG and JPEG files that the arguments name, in order. A folder means all images in it and its subfolders; `*`,
  /// `?` and `[…]` are expanded as in a shell.
  ///
  /// - Throws: a `FileError` if a path does not exist, or contains no image.
  public static func find(_ arguments: [String]) throws -> [String] {
    try arguments.flatMap { argument in
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: argument, isDirectory: &isFolder) {
        return isFolder.boolValue ? try below(argument) : [argument]
      }
      let found = argument.contains { "*?[".contains($0) } ? matches(argument) : []
      guard !found.isEmpty else { throw FileError(.missing, argument, "no such image") }
      return found
    }
  }

  private static func below(_ folder: String) throws -> [String] {
    let paths = (FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []).sorted()
    let images = paths.filter { path in
      RGBImage.endings.contains(Paths.ending(of: path))
        && !path.split(separator: "/").contains { Clutter.includes(String($0)) }
    }
    guard !images.isEmpty else { throw FileError(.malformed, folder, "no PNG or JPEG images in this folder") }
    return images.map { folder + "/" + $0 }
  }

  private static func matches(_ pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, 0, nil, &result) == 0 else { return [] }
    return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }
  }
}

extension Explainer.Line {
  /// The numbers of constant and non-finite maps, in words.
  fileprivate var withoutMap: String {
    let counts = [(constant.count, "constant"), (notFinite.count, "not finite")].filter { $0.0 > 0 }
    return counts.isEmpty ? "none" : counts.map { "\($0) \($1)" }.joined(separator: ", ")
  }
}

extension [Explainer.Line] {
  /// A table with a line for each image: its most and least likely class, and how many of its maps are constant or not
  /// finite; in lines of at most `width` characters.
  public func report(width: Int = Terminal.usualColumns) -> String {
    var table = Table(["image", "most likely", "", "least likely", "", "without a map"], leftAligned: 2)
    for line in self {
      table.add([
        Paths.name(of: line.file), line.top.name, percent(line.top.probability),
        line.bottom.name, percent(line.bottom.probability),
        line.withoutMap,
      ])
    }
    let constant = Set(flatMap(\.constant)).sorted()
    let notFinite = Set(flatMap(\.notFinite)).sorted()
    let skipped = Set(flatMap(\.skipped)).sorted()
    return
      ([table.text(width: width)]
      + (constant.isEmpty ? [] : ["", "Constant, of some image: \(constant.joined(separator: "; "))."])
      + (notFinite.isEmpty
        ? [] : ["", "Infinite or not numbers, of some image: \(notFinite.joined(separator: "; "))."])
      + (skipped.isEmpty ? [] : ["", "Left out of combined maps where constant: \(skipped.joined(separator: ", "))."]))
      .joined(separator: "\n")
  }
}
