import Foundation
import Formats

/// The names of classes, in order, each perhaps with other words for it: `n02123159 tiger_cat`.
///
/// A class's index is what weights know it by, so where it comes from is the same for all data sets: from the list of classes
/// that is given, or else
/// - a whole number is itself the index, from 0; one that no image has is a class all the same (CSV lists, IDX, HDF5, CIFAR);
/// - names are in the order of their code points, as torchvision's `ImageFolder` sorts them (folders, CSV lists);
/// - what numbers its own classes (COCO's categories) has them in the order of its numbers.
///
/// Folders are names also where they look like numbers, since networks that were trained with torchvision have learned them in
/// that order: 0, 1, 10, 11, 2.
public struct ClassList: Sendable {
  /// A line for each class.
  public let names: [String]
  /// The classes that a name, or a word of one, means.
  private let meanings: [String: Set<Int>]

  /// More classes than this are no classes, but numbers of something else.
  private static let most = 1 << 20

  /// Classes of these names.
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

  /// The class of that name, of a word that only its name has, or of that number; nil if there is no such class, or if there are
  /// several.
  public func index(of text: String) -> Int? {
    if let meant = meanings[text] {
      if meant.count == 1 { return meant.first }
      if names.contains(text) { return nil }
    }
    return Self.number(text).flatMap { names.indices.contains($0) ? $0 : nil }
  }

  /// What is wrong with a text that means no class, to be said after it.
  public func problem(of text: String) -> String {
    let count = meanings[text]?.count ?? 0
    return count > 1 ? "the name of \(count) classes" : "none of the \(names.count) classes"
  }

  /// The lines of a file.
  ///
  /// - Throws: a `FileError` if there are none.
  public static func read(_ path: String) throws -> [String] {
    let names = try Files.lines(path)
    guard !names.isEmpty else { throw FileError(.malformed, path, "no names of classes in this file") }
    return names
  }

  /// The whole number that a text is, also as spreadsheets write one (`3.0`); nil if it is none.
  static func number(_ text: String) -> Int? {
    guard let first = text.first, first.isNumber || first == "-" || first == "+" else { return nil }
    return Int(text)
      ?? (text.allSatisfy { "+-.0123456789".contains($0) } ? Double(text) : nil).flatMap { Int(exactly: $0) }
  }

  /// Names for classes that are known by number alone: the numbers up to the largest.
  ///
  /// - Returns: nil if there is a number that is no class's.
  static func numbered(_ labels: some Sequence<Int>) -> [String]? {
    let (least, largest) = labels.reduce((0, 0)) { (min($0.0, $1), max($0.1, $1)) }
    return least >= 0 && largest < most ? (0...largest).map(String.init) : nil
  }

  /// The names by which one data set's classes and another's are known together; nil if they number them differently. Of classes
  /// known by number alone one may have more than the other, since a few images need not have all of them.
  public static func common(_ one: [String], _ other: [String]) -> [String]? {
    if one == other { return one }
    let (shorter, longer) = one.count < other.count ? (one, other) : (other, one)
    let areNumbers = longer.enumerated().allSatisfy { $0.element == String($0.offset) }
    return areNumbers && shorter == Array(longer.prefix(shorter.count)) ? longer : nil
  }
}
