import Components
import Testing

private protocol Shape: Component {
  var area: Double { get }
}

private struct Square: Shape {
  let name = "square"
  var side = 2.0
  var area: Double { side * side }
  mutating func visit(_ keys: Keys) { keys("side", &side, .number(0...100)) }
  static var shorthand: Codec<Self>? {
    let side = Codec<Double>.number(0...100)
    return Codec(
      read: { side.read($0, $1, $2).map { Square(side: $0) } }, write: { side.write($0.side) })
  }
}

private struct Dot: Shape {
  let name = "dot"
  let area = 0.0
}

private struct Rectangle: Shape {
  let name = "rectangle"
  var (width, height) = (1.0, 2.0)
  var area: Double { width * height }
  mutating func visit(_ keys: Keys) {
    keys("width", &width, .number(0...100))
    keys("height", &height, .number(0...100))
    if width > height { keys.refuse("width", "wider than high") }
  }
}

/// A section with a component whose settings are keys beside its name.
private struct Drawing: Section {
  var shape: any Shape = Dot()
  var color = "red"
  mutating func visit(_ keys: Keys) {
    keys.component("shape", &shape, of: Registry<any Shape>.sample)
    keys("color", &color, .word)
  }
}

extension Registry where Kind == any Shape {
  fileprivate static var sample: Registry { Registry("shape", [Square(), Dot(), Rectangle()]) }
}

@Suite("Components by their names")
struct RegistryTests {
  private func scalar(_ text: String) -> Entry { Entry(.scalar(text, isText: false)) }

  private func read(_ entry: Entry) -> (shape: (any Shape)?, problems: [String]) {
    let report = Keys.Report()
    let shape = Codec.component(Registry<any Shape>.sample).read(entry, "key", report)
    return (shape, report.problems.map(\.message))
  }

  @Test("a name alone has the default settings; settings are a section or a short form")
  func forms() throws {
    #expect(read(scalar("dot")).shape?.area == 0)
    #expect(read(scalar("square")).shape?.area == 4)
    #expect(read(Entry(.section([("square", scalar("3"))]))).shape?.area == 9)
    #expect(read(Entry(.section([("square", Entry(.section([("side", scalar("5"))])))]))).shape?.area == 25)
    #expect(read(Entry(.section([("rectangle", Entry(.section([("height", scalar("5"))])))]))).shape?.area == 5)
  }

  @Test("an unknown name, an unknown key and settings that a component rejects are problems, and give no component")
  func problems() {
    let unknown = read(scalar("sqare"))
    #expect(
      unknown.shape == nil
        && unknown.problems == [
          "expected one of square, dot, rectangle, found 'sqare'; did you mean 'square'?"
        ])
    let key = read(Entry(.section([("rectangle", Entry(.section([("depth", scalar("5"))])))])))
    #expect(key.shape == nil && key.problems == ["unknown key; known are width, height"])
    let refused = read(Entry(.section([("rectangle", Entry(.section([("width", scalar("5"))])))])))
    #expect(refused.shape == nil && refused.problems == ["wider than high"])
    let none = read(Entry(.section([("dot", Entry(.section([("width", scalar("5"))])))])))
    #expect(none.shape == nil && none.problems == ["unknown key; there are none"])
    #expect(read(Entry(.list([]))).problems.count == 1)
  }

  @Test("a written component has every setting and is read back equal", arguments: [0, 1, 2])
  func roundTrip(index: Int) throws {
    let shapes: [any Shape] = [Square(side: 7), Dot(), Rectangle(width: 3, height: 4)]
    let codec = Codec.component(Registry<any Shape>.sample)
    let entry = try #require(codec.write(shapes[index]))
    #expect(try #require(read(entry).shape).isEqual(to: shapes[index]))
  }

  @Test("settings may be keys beside the name")
  func beside() {
    let report = Keys.Report()
    let entry = Entry(.section([("shape", scalar("rectangle")), ("color", scalar("blue")), ("height", scalar("6"))]))
    let drawing = Keys.read(Drawing.self, entry, "", report)
    #expect(report.problems.isEmpty && drawing.shape.area == 6 && drawing.color == "blue")
    #expect(Keys.write(drawing)["width"] == scalar("1.0"))
  }
}
