import Foundation
import Formats

/// The names of the classes in order. A name may have several words, each of which can identify it: `n02123159
/// tiger_cat`.
///
/// Weights identify a class by its index, so all data sets derive the index in the same way. If a list of classes is
/// given, the index is the position in that list. Otherwise
/// - an integer label is the index itself, from 0, and an index that no image has still counts as a class (CSV lists,
///   IDX, HDF5, CIFAR);
/// - names are sorted by code points, as in torchvision's `ImageFolder` (folders, CSV lists);
/// - categories with ids (COCO) are sorted by id.
///
/// Folder names are sorted as names even if they look like numbers (0, 1, 10, 11, 2), because networks trained with
/// torchvision use that order.
public struct ClassList: Sendable {
  /// The lines of the list, one for each class.
  public let names: [String]
  /// The classes that each name, or word of a name, can mean.
  private let meanings: [String: Set<Int>]

  /// The largest number of classes; larger numbers are not class labels.
  private static let most = 1 << 20

  /// A list of classes with these names.
  public init(_ names: [String]) {
    self.names = names
    var (words, whole) = ([String: Set<Int>](), [String: Set<Int>]())
    for (index, name) in names.enumerated() {
      whole[name, default: []].insert(index)
      for word in name.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init) {
        words[word, default: []].insert(index)
      }
    }
    meanings = words.merging(whole) { $1 }
  }

  /// The index of the class with this name, with a word that only its name contains, or with this number; nil if there
  /// is no such class or several.
  public func index(of text: String) -> Int? {
    if let meant = meanings[text] {
      if meant.count == 1 { return meant.first }
      if names.contains(text) { return nil }
    }
    return Self.number(text).flatMap { names.indices.contains($0) ? $0 : nil }
  }

  /// The message about a text that does not identify a class, to be appended to the text.
  public func problem(of text: String) -> String {
    let count = meanings[text]?.count ?? 0
    return count > 1 ? "the name of \(count) classes" : "none of the \(names.count) classes"
  }

  /// Reads a list of classes from a file, one per line.
  ///
  /// - Throws: a `FileError` if the file has no lines.
  public static func read(_ path: String) throws -> [String] {
    let names = try Files.lines(path)
    guard !names.isEmpty else { throw FileError(.malformed, path, "no names of classes in this file") }
    return names
  }

  /// The integer in a text, also in the form that spreadsheets write (`3.0`); nil if the text is not an integer.
  static func number(_ text: String) -> Int? {
    guard let first = text.first, first.isNumber || first == "-" || first == "+" else { return nil }
    return Int(text)
      ?? (text.allSatisfy { "+-.0123456789".contains($0) } ? Double(text) : nil).flatMap { Int(exactly: $0) }
  }

  /// Class names for integer labels without a list: the numbers from 0 to the largest label.
  ///
  /// - Returns: the names; nil if a label is negative or too large.
  static func numbered(_ labels: some Sequence<Int>) -> [String]? {
    let (least, largest) = labels.reduce((0, 0)) { (min($0.0, $1), max($0.1, $1)) }
    return least >= 0 && largest < most ? (0...largest).map(String.init) : nil
  }

  /// The class names that two data sets have in common; nil if they number their classes differently. If both have
  /// numbers for names, one may have more classes than the other, since a small data set need not contain all of them.
  public static func common(_ one: [String], _ other: [String]) -> [String]? {
    if one == other { return one }
    let (shorter, longer) = one.count < other.count ? (one, other) : (other, one)
    let areNumbers = longer.enumerated().allSatisfy { $0.element == String($0.offset) }
    return areNumbers && shorter == Array(longer.prefix(shorter.count)) ? longer : nil
  }
}
