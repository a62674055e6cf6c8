import Formats

/// What a weight file holds, for people.
public enum Inspection {
  /// The file's kind, metadata, and a table of its tensors.
  ///
  /// - Throws: a ``FileError`` if it cannot be read.
  public static func describe(_ path: String) throws -> String {
    let kind = try WeightFile.kind(of: path)
    let weights = try WeightFile.read(path)
    var table = Table(["name", "shape", "type", "elements"], leftAligned: 2)
    for (name, value) in weights.entries {
      let shape = value.shape.map(String.init).joined(separator: " × ")
      table.add([name, shape.isEmpty ? "scalar" : shape, value.scalarType.rawValue, String(value.count)])
    }
    let total = weights.entries.reduce(0) { $0 + $1.value.count }
    let facts = weights.metadata.sorted { $0.key < $1.key }.map { key, value in
      value.contains("\n")
        ? "\(key):\n" + value.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n") : "\(key): \(value)"
    }
    return
      (["\(path): \(kind.rawValue), \(weights.entries.count) tensors, \(total) elements"] + facts + [
        "", table.description,
      ])
      .joined(separator: "\n")
  }
}
