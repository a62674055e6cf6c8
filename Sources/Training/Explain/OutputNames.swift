import Formats

/// What the pictures and tensors of an explanation are called. All of it is decided before anything is worked out: no name
/// stands for two things, and none is longer than file systems take (255 bytes, of which a file that is being written needs
/// some for an ending).
struct OutputNames: Sendable {
  /// Images' names, in the files' order.
  let stems: [String]
  /// Each class's name; with its number where another has the same, or it might be taken for another word.
  private let classes: [String]

  private static let (stem, class_, update, method, layer) = (80, 56, 18, 36, 36)

  /// - Parameters:
  ///   - files: images.
  ///   - classes: the names of all classes, in order.
  init(_ files: [String], classes: [String]) {
    let stems = files.map { Paths.stem(of: $0).asFileName(bytes: Self.stem) }
    // The name of one image's map begins with the image's: another image must not be called that.
    let sorted = stems.sorted()
    let isClear = zip(sorted, sorted.dropFirst()).allSatisfy { $0 != $1 } && !Self.hasBeginning(sorted)
    self.stems = isClear ? stems : stems.enumerated().map { "\($0)-\($1)".asFileName(bytes: Self.stem + 12) }
    let words = ["top", "second", "bottom"]
    self.classes = classes.distinct(bytes: Self.class_ - 8) { name in
      words.contains { name == $0 || name.hasPrefix($0 + "_") }
    }
  }

  /// Whether one of these is another and a hyphen and more.
  private static func hasBeginning(_ names: [String]) -> Bool {
    let all = Set(names)
    return names.contains { name in
      name.indices.contains { name[$0] == "-" && all.contains(String(name[..<$0])) }
    }
  }

  /// The class's name: its own, unless that stands for more than one.
  func class_(_ index: Int) -> String { classes.indices.contains(index) ? classes[index] : "\(index)" }

  /// The target's, of an image in which it stands for a class: `top dog`.
  func title(_ target: Explanation.Target, _ index: Int?) -> String {
    let name = index.map(class_) ?? ""
    return target.name.map { "\($0) \(name)" } ?? name
  }

  /// The file of an image's sheet.
  func sheet(_ image: Int) -> String { stems[image] + ".png" }

  /// The file of a map's overlay.
  func overlay(_ image: Int, _ title: String, update: String?, _ setting: Explanation.Setting) -> String {
    let parts =
      [stems[image], title.asFileName(bytes: Self.class_)] + (update.map { [$0.asFileName(bytes: Self.update)] } ?? [])
      + ["\(setting.method)".asFileName(bytes: Self.method), setting.layer.asFileName(bytes: Self.layer)]
    return parts.joined(separator: "-") + ".png"
  }
}
