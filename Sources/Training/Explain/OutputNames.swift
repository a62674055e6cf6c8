import Components
import Formats

/// The names of an explanation's figures and tensors. All names are decided before anything is computed, so that no two
/// outputs have the same name, and none is longer than file systems allow (255 bytes, including the suffix of a
/// temporary file).
struct OutputNames: Sendable {
  /// The names of the images, in the order of the files.
  let stems: [String]
  /// The names of the classes; the index is added where another class has the same name or the name could be mistaken
  /// for `top`, `second` or `bottom`.
  private let classes: [String]

  private static let (stem, class_, update, method, layer) = (80, 56, 18, 36, 36)

  /// Chooses the names.
  ///
  /// - Parameters:
  ///   - files: the images.
  ///   - classes: the names of all classes, in order.
  init(_ files: [String], classes: [String]) {
    let stems = files.map { Paths.stem(of: $0).asFileName(bytes: Self.stem) }
    // The names of an image's maps begin with the image's name, so no other image may have a name of that form.
    let sorted = stems.sorted()
    let isClear = zip(sorted, sorted.dropFirst()).allSatisfy { $0 != $1 } && !Self.hasBeginning(sorted)
    self.stems = isClear ? stems : stems.enumerated().map { "\($0)-\($1)".asFileName(bytes: Self.stem + 12) }
    let words = ["top", "second", "bottom"]
    self.classes = classes.distinct(bytes: Self.class_ - 8) { name in
      words.contains { name == $0 || name.hasPrefix($0 + "_") }
    }
  }

  /// Whether one name consists of another name, a hyphen and more.
  private static func hasBeginning(_ names: [String]) -> Bool {
    let all = Set(names)
    return names.contains { name in
      name.indices.contains { name[$0] == "-" && all.contains(String(name[..<$0])) }
    }
  }

  /// The unique name of a class.
  func class_(_ index: Int) -> String { classes.indices.contains(index) ? classes[index] : "\(index)" }

  /// The title of a target with the class that it stands for in an image: `top dog`.
  func title(_ target: Explanation.Target, _ index: Int?) -> String {
    let name = index.map(class_) ?? ""
    return target.name.map { "\($0) \(name)" } ?? name
  }

  /// The file name of an image's sheet.
  func sheet(_ image: Int) -> String { stems[image] + ".png" }

  /// The file name of a map's overlay.
  func overlay(_ image: Int, _ title: String, update: String?, _ setting: Explanation.Setting) -> String {
    let parts =
      [stems[image], title.asFileName(bytes: Self.class_)] + (update.map { [$0.asFileName(bytes: Self.update)] } ?? [])
      + ["\(setting.method)".asFileName(bytes: Self.method), setting.layer.asFileName(bytes: Self.layer)]
    return parts.joined(separator: "-") + ".png"
  }
}
