import Foundation

/// A value in a line of a run's log. JSONSerialization reads some numbers with other last bits than were written; the decoder
/// of Codable values reads them as they were.
enum LoggedValue: Decodable {
  case number(Double)
  case text(String)
  case list([LoggedValue])
  case object([String: LoggedValue])
  case other

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([LoggedValue].self) {
      self = .list(list)
    } else if let object = try? container.decode([String: LoggedValue].self) {
      self = .object(object)
    } else {
      self = .other
    }
  }

  /// The value as it was when it was logged.
  var value: Any {
    switch self {
    case .number(let number): number
    case .text(let text): text
    case .list(let list): list.map(\.value)
    case .object(let object): object.mapValues(\.value)
    case .other: NSNull()
    }
  }
}
