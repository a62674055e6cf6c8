import Components
import Datasets

// Changes of training images: a name (`horizontal_flip`), or a name with what belongs to it (`padded_crop: 4`,
// `color_jitter: { brightness: 0.4 }`).

extension RandomResizedCrop: Section {
  public mutating func visit(_ keys: Keys) {
    keys("size", &size, .integer(1...8192))
    keys("scale", &scale, .list(.areaShare))
    keys("ratio", &ratio, .list(.aspect))
    keys.requireRange("scale", scale)
    keys.requireRange("ratio", ratio)
  }
}

extension RandomErasing: Section {
  public mutating func visit(_ keys: Keys) {
    keys("probability", &probability, .share)
    keys("scale", &scale, .list(.areaShare))
    keys("ratio", &ratio, .list(.aspect))
    keys.requireRange("scale", scale)
    keys.requireRange("ratio", ratio)
  }
}

extension ColorJitter: Section {
  public mutating func visit(_ keys: Keys) {
    let strength = Codec<Double>.number(0...100, "beyond, all pixels are black or white")
    keys("brightness", &brightness, strength)
    keys("contrast", &contrast, strength)
    keys("saturation", &saturation, strength)
    keys("hue", &hue, .number(0...0.5, "half of the color circle either way"))
  }
}

extension RandAugment: Section {
  public mutating func visit(_ keys: Keys) {
    keys("operations", &operations, .integer(1...14))
    keys("magnitude", &magnitude, .integer(0...30))
  }
}

extension Codec<Double> {
  /// Of an image's area: less than a millionth is no pixel of most.
  fileprivate static var areaShare: Codec { number(1e-6...1, "a share of the image's area") }
  /// Beyond this a window is a line.
  fileprivate static var aspect: Codec { number(0.001...1000, "width over height") }
}

extension Keys {
  fileprivate func requireRange(_ key: String, _ range: [Double]) {
    guard range.count == 2, range[0] <= range[1] else {
      return refuse(key, "expected two numbers, the least and the greatest")
    }
  }
}

/// A way to write one of several kinds of values: its name, alone or with something.
private struct Form<Value> {
  let name: String
  /// What the name alone stands for; nil if it cannot stand alone.
  let alone: Value?
  /// Reads what follows the name; nil if nothing may.
  let read: ((Entry, String, Keys.Report) -> Value?)?
  /// What follows the name; `.empty` if nothing does. Nil for values of another form.
  let write: (Value) -> Entry?
}

extension Form {
  static func word(_ name: String, _ value: Value) -> Form where Value: Equatable {
    Form(name: name, alone: value, read: nil, write: { $0 == value ? Entry(.empty) : nil })
  }

  static func with<Inner>(
    _ name: String, _ codec: Codec<Inner>, alone: Inner?, _ value: @escaping (Inner) -> Value,
    _ content: @escaping (Value) -> Inner?
  ) -> Form {
    Form(
      name: name, alone: alone.map(value), read: { codec.read($0, $1, $2).map(value) },
      write: { content($0).flatMap(codec.write) })
  }
}

extension Codec {
  private static func forms(_ forms: [Form<Value>]) -> Codec {
    Codec(
      read: { entry, key, report in
        var name: String?
        var content: Entry?
        if case .scalar(let text, _) = entry.content { name = text }
        if case .section(let items) = entry.content, items.count == 1 {
          (name, content) = (items[0].key, items[0].value)
        }
        if let form = forms.first(where: { $0.name == name }) {
          if let content, let read = form.read { return read(content, key + "." + form.name, report) }
          if content == nil, let alone = form.alone { return alone }
        }
        let names = forms.map(\.name)
        let hint = name.flatMap { nearest(to: $0, among: names) }.map { "; did you mean '\($0)'?" } ?? ""
        report.problems.append(
          .init(entry.place, key, "expected one of \(names.joined(separator: ", ")), found \(entry.found)\(hint)"))
        return nil
      },
      write: { value in
        for form in forms {
          guard let content = form.write(value) else { continue }
          if case .empty = content.content { return Entry(.scalar(form.name, isText: false)) }
          return Entry(.section([(form.name, content)]))
        }
        return nil
      })
  }
}

extension Codec<Augmentation> {
  static var augmentation: Codec {
    forms([
      .word("horizontal_flip", .horizontalFlip), .word("vertical_flip", .verticalFlip),
      .with("padded_crop", .integer(1...1024), alone: 4, { .paddedCrop($0) }) {
        if case .paddedCrop(let margin) = $0 { margin } else { nil }
      },
      .with("random_resized_crop", .section(), alone: RandomResizedCrop(), { .randomResizedCrop($0) }) {
        if case .randomResizedCrop(let crop) = $0 { crop } else { nil }
      },
      .with("color_jitter", .section(), alone: nil, { .colorJitter($0) }) {
        if case .colorJitter(let jitter) = $0 { jitter } else { nil }
      },
      .with("random_erasing", .section(), alone: RandomErasing(), { .randomErasing($0) }) {
        if case .randomErasing(let erasing) = $0 { erasing } else { nil }
      },
      .with("randaugment", .section(), alone: RandAugment(), { .randAugment($0) }) {
        if case .randAugment(let augmentation) = $0 { augmentation } else { nil }
      },
    ])
  }
}

extension Codec<Mixing> {
  static var mixing: Codec {
    let alpha = Codec<Double>.number(0.001...4, "of Beta(α, α), from which shares are drawn")
    return forms([
      .with("mixup", alpha, alone: 0.2, { .mixup($0) }) { if case .mixup(let alpha) = $0 { alpha } else { nil } },
      .with("cutmix", alpha, alone: 1, { .cutmix($0) }) { if case .cutmix(let alpha) = $0 { alpha } else { nil } },
    ])
  }
}
