import Foundation
import Testing

@testable import Training

@Suite("Names of outputs") struct OutputNameTests {
  private static func files(
    _ images: [String], _ classes: [String], _ targets: [Explanation.Target] = [.top, .index(0), .index(1)]
  ) -> [String] {
    let names = OutputNames(images, classes: classes)
    return images.indices.flatMap { image in
      [names.sheet(image)]
        + targets.map { target in
          let class_ = target.index ?? 1
          return names.overlay(
            image, names.title(target, class_), update: nil,
            .init(update: 0, target: target, method: .normGrad, layer: "layer2"))
        }
    }
  }

  @Test(
    "no two outputs have the same name",
    arguments: [
      (["a b.png", "a_b.png"], ["cat", "dog"]), (["x/a.png", "y/a.jpg", "a.png"], ["cat", "dog"]),
      (["a.png"], ["crane", "crane"]), (["a.png"], ["tree/frog", "tree.frog"]), (["a.png"], ["a b", "a_b"]),
      (["a.png"], ["top dog", "dog"]), (["a.png"], ["crane", "crane (0)", "crane"]), (["a.png"], ["top", "dog"]),
      (["a.png", "a-top_dog-normgrad-layer2.png"], ["cat", "dog"]), (["a.png", "a-b.png"], ["b-c", "c"]),
      ([String(repeating: "x", count: 240) + "1.png", String(repeating: "x", count: 240) + "2.png"], ["cat", "dog"]),
      (["a.png"], [String(repeating: "ä", count: 130) + "1", String(repeating: "ä", count: 130) + "2"]),
    ])
  func unique(_ images: [String], _ classes: [String]) {
    let files = Self.files(images, classes)
    #expect(Set(files).count == files.count, "\(files)")
    #expect(files.allSatisfy { $0.utf8.count <= 240 && !$0.contains("/") }, "\(files)")
  }

  @Test("valid names are not changed")
  func plain() {
    #expect(
      Self.files(["photos/dog.jpg"], ["cat", "golden retriever"]) == [
        "dog.png", "dog-top_golden_retriever-normgrad-layer2.png", "dog-cat-normgrad-layer2.png",
        "dog-golden_retriever-normgrad-layer2.png",
      ])
  }

  @Test("file names contain no control characters, and long names stay distinct")
  func safe() {
    #expect("a\u{1b}[31m/b\nc d".asFileName(bytes: 80) == "a_[31m.b_c_d")
    let long = ["1", "2"].map { (String(repeating: "€", count: 60) + $0).asFileName(bytes: 50) }
    #expect(long[0] != long[1] && long.allSatisfy { $0.utf8.count <= 50 && $0.hasPrefix("€€") })
  }
}
