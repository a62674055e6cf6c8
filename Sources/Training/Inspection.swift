import Components
import Formats

/// Describes the contents of a weight file for display.
public enum Inspection {
  /// Describes a file: its format, its metadata, a table for each dictionary of tensors, and the objects that were not
  /// loaded.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - width: the number of characters in a line of a table.
  /// - Returns: the description.
  /// - Throws: a `FileError` if the file cannot be read.
  public static func describe(_ path: String, width: Int = Terminal.usualColumns) throws -> String {
    let kind = try WeightFile.kind(of: path)
    let weights = try WeightFile.open(path)
    let dictionaries = weights.dictionaries.map { (place: $0.place, tensors: WeightNames.plain($0.tensors)) }
      .filter { !$0.tensors.isEmpty }
    guard !dictionaries.isEmpty else { throw FileError(.malformed, path, "no tensors in it but counters") }
    let all = dictionaries.flatMap(\.tensors)
    // Read all tensors, so that a damaged file is an error and the listed sizes are those of real elements.
    for (_, tensor) in all where tensor.isReadable { _ = try tensor.read() }
    let facts = weights.metadata.sorted { $0.key < $1.key }.map { key, value in
      let lines = value.split(separator: "\n").map(\.printable)
      return "\(key.printable):" + (lines.count > 1 ? lines.map { "\n  \($0)" }.joined() : " \(lines.first ?? "")")
    }
    var parts = [([summary(path.printable + ": " + kind.rawValue + ",", all)] + facts).joined(separator: "\n")]
    for (place, tensors) in dictionaries {
      let isWhole = dictionaries.count == 1 && place.isEmpty
      let title = isWhole ? "" : summary(place.isEmpty ? "the file's own:" : "\(place):", tensors) + "\n"
      parts.append(title + table(tensors, width))
    }
    if !weights.placeholders.isEmpty { parts.append(list(weights.placeholders)) }
    return parts.joined(separator: "\n\n")
  }

  /// A line with the numbers of tensors and of elements; only readable tensors are counted in the latter, since the
  /// sizes of others are not checked.
  private static func summary(_ title: String, _ tensors: [(name: String, tensor: StoredTensor)]) -> String {
    let total = tensors.filter(\.tensor.isReadable).reduce(0) { $0 + ($1.tensor.shape?.reduce(1, *) ?? 0) }
    return "\(title) \(tensors.count) tensors, \(total) elements"
  }

  private static func table(_ tensors: [(name: String, tensor: StoredTensor)], _ width: Int) -> String {
    var table = Table(["name", "shape", "type", "elements"], leftAligned: 2)
    for (name, tensor) in tensors {
      let sizes = tensor.shape.map { $0.isEmpty ? "scalar" : $0.map(String.init).joined(separator: " × ") } ?? "?"
      let count = tensor.isReadable ? String(tensor.shape?.reduce(1, *) ?? 0) : "not read"
      table.add([name, sizes, tensor.type, count])
    }
    return table.text(width: width)
  }

  /// The largest number of placeholders that are listed.
  private static let mostPlaceholders = 40

  private static func list(_ placeholders: [(place: String, type: String)]) -> String {
    let lines = placeholders.prefix(mostPlaceholders).map {
      "  \($0.place.isEmpty ? "the whole" : $0.place): \($0.type)"
    }
    let more = placeholders.count - lines.count
    return
      (["Not loaded, since only tensors and plain values are:"] + lines + (more > 0 ? ["  … and \(more) more"] : []))
      .joined(separator: "\n")
  }
}
