import Components
import Tensors

/// A layer of a sequential network as a recipe describes it: a word (``LayerWord``), for some words a number, and
/// options with their numbers.
///
///     conv 32 size 3 stride 2 padding 1 groups 1 bias     output channels; default size 3, default padding half the size
///     max_pool 2 stride 2 padding 0, average_pool 2       window size; the default stride is the window size
///     adaptive_average_pool 4                             side of the result
///     batch_norm, relu, relu6, silu, gelu, global_average_pool, flatten
///     dropout 50                                          rate in percent
///     linear 100; linear                                  output features; for the last layer the number of classes
public struct LayerDescription: Sendable, CustomStringConvertible {
  /// The word.
  public let word: LayerWord
  /// The number that follows the word.
  public let number: Int?
  /// The options without a number.
  public let flags: Set<String>
  private let options: [String: Int]

  /// The error in a layer's description.
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String
    /// The layer's index; nil if the error does not belong to a single layer.
    public var layer: Int?

    /// Creates an error from its description.
    public init(description: String, layer: Int? = nil) { (self.description, self.layer) = (description, layer) }
  }

  /// Parses a description.
  public init(_ text: String) throws(Malformed) {
    var words = text.split(separator: " ").map(String.init)[...]
    func malformed(_ message: String) -> Malformed { Malformed(description: "'\(text)': \(message)") }
    guard let name = words.popFirst(), let word = Registries.layers[name] else {
      throw malformed("expected one of \(Registries.layers.names.joined(separator: ", "))")
    }
    func number(_ text: String, _ what: String, from least: Int = 1) throws(Malformed) -> Int {
      guard let number = Int(text), (least...65536).contains(number) else {
        throw malformed("\(what) is a whole number from \(least) to 65536, found '\(text)'")
      }
      return number
    }
    var first: Int?
    if word.number != .none, let text = words.first, text.first?.isNumber ?? false {
      first = try number(text, "what follows \(name)")
      words.removeFirst()
    }
    guard word.number != .required || first != nil else { throw malformed("a number has to follow \(name)") }
    var (options, flags) = ([String: Int](), Set<String>())
    while let option = words.popFirst() {
      if word.flags.contains(option) {
        flags.insert(option)
        continue
      }
      guard word.options.contains(option) else {
        let known = word.options.isEmpty ? "" : "; there are \(word.options.joined(separator: ", "))"
        throw malformed("no option '\(option)' of \(name)\(known)")
      }
      guard let text = words.popFirst() else { throw malformed("a number has to follow \(option)") }
      options[option] = try number(text, option, from: option == "padding" ? 0 : 1)
    }
    (self.word, self.number, self.options, self.flags) = (word, first, options, flags)
  }

  /// The number of an option; nil if the option is not stated.
  public subscript(option: String) -> Int? { options[option] }

  public var description: String {
    var words = [word.name] + (number.map { [String($0)] } ?? [])
    for name in word.options { if let value = options[name] { words += [name, String(value)] } }
    return (words + word.flags.filter(flags.contains)).joined(separator: " ")
  }

  /// Creates the error of this layer.
  ///
  /// - Parameter message: what is wrong with the layer.
  /// - Returns: the error, to be thrown.
  public func malformed(_ message: String) -> Malformed { Malformed(description: "'\(self)': \(message)") }
}

extension LayerDescription: Hashable {
  public static func == (a: LayerDescription, b: LayerDescription) -> Bool { a.description == b.description }
  public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
