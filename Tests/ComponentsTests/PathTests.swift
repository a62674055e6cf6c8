import Foundation
import TestSupport
import Testing

@testable import Components

@Suite("Paths") struct PathTests {
  @Test(
    "a path has a folder, a name and an extension, however short it is",
    arguments: [
      ("r", ".", "r", "r", ""), ("list.csv", ".", "list.csv", "list", "csv"), ("/", "/", "", "", ""),
      ("", ".", "", "", ""),
      ("/r", "/", "r", "r", ""), ("a/b.PNG", "a", "b.PNG", "b", "png"), ("a//b/", "a", "b", "b", ""),
      ("./x", ".", "x", "x", ""),
      ("/a/b/c.tar.gz", "/a/b", "c.tar.gz", "c.tar", "gz"), (".hidden", ".", ".hidden", ".hidden", ""),
      (".", ".", ".", ".", ""),
      ("..", ".", "..", "..", ""), ("a.b/c", "a.b", "c", "c", ""), ("é/ü.jpg", "é", "ü.jpg", "ü", "jpg"),
      ("x.", ".", "x.", "x", ""),
    ])
  func parts(_ path: String, _ folder: String, _ name: String, _ stem: String, _ ending: String) {
    #expect(Paths.folder(of: path) == folder && Paths.name(of: path) == name)
    if path != ".." && path != "." { #expect(Paths.stem(of: path) == stem && Paths.ending(of: path) == ending) }
  }

  @Test("a relative path is resolved against a folder, an absolute path is not")
  func joined() {
    #expect(Paths.joined(".", "a.png") == "a.png" && Paths.joined("", "a.png") == "a.png")
    #expect(Paths.joined("f", "a.png") == "f/a.png" && Paths.joined("f/", "a.png") == "f/a.png")
    #expect(Paths.joined("f", "/a.png") == "/a.png" && Paths.joined("/", "a.png") == "/a.png")
  }

  @Test("the relative path from a folder leads to the same place")
  func relative() {
    for (path, folder, expected) in [
      ("/a/b/c", "/a", "b/c"), ("/a/b", "/a/c/d", "../../b"), ("/a", "/a", "."), ("a/b", ".", "a/b"),
      ("a", "b/..", "a"),
      ("/ab/c", "/a", "../ab/c"), ("/é/ü", "/é/x", "../ü"), ("/", "/a/b", "../.."),
    ] { #expect(Paths.relative(path, from: folder) == expected, "\(path) from \(folder)") }
  }

  @Test("an absolute path has no `.`, `..` or repeated slashes, however short the path is")
  func absolute() {
    let here = FileManager.default.currentDirectoryPath
    for (path, expected) in [
      ("r", here + "/r"), (".", here), ("", here), ("./a/../b/", here + "/b"), ("/", "/"), ("/..", "/"),
      ("//a//b/.", "/a/b"),
      ("/a/../../c", "/c"), ("..", Paths.folder(of: here)), ("~", here + "/~"), ("/é/ü", "/é/ü"), ("\\", here + "/\\"),
    ] { #expect(Paths.absolute(path) == expected, "\(path)") }
    // Foundation's functions stop the program on some paths of one character.
    for byte in UInt8(1)..<128 { #expect(Paths.absolute(String(UnicodeScalar(byte))).hasPrefix("/")) }
  }
}
