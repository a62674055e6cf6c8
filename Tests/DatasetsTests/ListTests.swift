import Foundation
import Formats
import TestSupport
import Testing

@testable import Datasets

@Suite("Lists of images and of classes") struct ListTests {
  /// A folder of two classes with images of one color each.
  private func images() throws -> ScratchFolder {
    let folder = ScratchFolder()
    for (label, name) in ["ant", "bee"].enumerated() {
      try Files.makeFolder(folder.file(name))
      for i in 0..<4 {
        let pixels = [UInt8](repeating: UInt8(label * 100 + i), count: 6 * 6 * 3)
        try RGBImage(width: 6, height: 6, pixels: pixels).writePNG(to: folder.file("\(name)/\(i).png"))
      }
    }
    return folder
  }

  @Test("a list has the images of its rows, with boxes clipped to the image, and classes by number, name or word")
  func lists() throws {
    let folder = try images()
    try folder.write("classes.txt", "n01 ant\nn02 bee\nn03 wasp\n")
    let list = try folder.write(
      "boxes.csv",
      """
      "file, quoted",label,x0,y0,x1,y1
      bee/1.png,bee,1,2,4.5,9
      bee/1.png,n03,0,0,1,1
      "ant/0.png",0,2,2,3,3

      """)
    let columns = CSVList.Columns(image: "file, quoted", label: "label", box: ["x0", "y0", "x1", "y1"])
    let data = try CSVList(list, columns: columns, classes: folder.file("classes.txt"))
    #expect(data.count == 2 && data.classNames == ["n01 ant", "n02 bee", "n03 wasp"])
    let sample = try data.sample(at: 0)
    #expect(sample.label == 1 && sample.image.pixels[0] == 101)
    #expect(sample.objects.map(\.label) == [1, 2])
    #expect(sample.objects[0].columns == 1..<5 && sample.objects[0].rows == 2..<6 && sample.objects[0].mask == nil)
    #expect(try data.sample(at: 1).label == 0)
    let plain = try CSVList(
      try folder.write("plain.csv", "\u{feff}image,label\nant/0.png,six\nbee/0.png,legs\n"))
    #expect(plain.classNames == ["legs", "six"])
    #expect(try plain.sample(at: 0).label == 1 && plain.sample(at: 0).objects.isEmpty)
  }

  @Test(
    "a broken list is an error that names the line",
    arguments: [
      ("image,label\n", "no images"), ("photo,label\na.png,1\n", "no column 'image'"),
      ("image,label\na.png\n", "line 2: 1 fields"), ("", "an empty file"),
      ("image;label\na.png;1\n", "there are image;label"),
      ("image,label\na.png,\n", "line 2: no class"), ("image,label\n,cat\n", "line 2: no image"),
      ("image,label\na.png,\"cat\nb.png,dog\n", "line 2: a field in quotes"),
      ("image,label\n\"a\nb.png\",cat\nc.png\n", "line 4: 1 fields"),
      ("image,label\na.png,3\nb.png,cat\n", "line 3: the label 'cat' is a name, where line 2 has the number '3'"),
      ("image,label\na.png,3\nb.png,-1\n", "line 3: the label '-1' is no class's number"),
      ("image,label\na.png,99999999999\n", "line 2: the label '99999999999' is no class's number"),
      ("image,label,l,t,r,b\na.png,x,1,,3,4\n", "line 2: '' in column 't'"),
      ("image,label,l,t,r,b\na.png,x,1,2,3,four\n", "line 2: 'four'"),
      ("image,label,l,t,r,b\na.png,x,5,2,3,4\n", "line 2: an empty box"),
      ("image,label,l,t,r,b\na.png,x,nan,2,3,4\n", "line 2: 'nan'"),
    ])
  func brokenLists(_ text: String, _ message: String) throws {
    let folder = ScratchFolder()
    let path = try folder.write("list.csv", text)
    let columns = CSVList.Columns(box: text.contains("l,t") ? ["l", "t", "r", "b"] : [])
    let error = #expect(throws: FileError.self) { try CSVList(path, columns: columns) }
    #expect("\(String(describing: error))".contains(message), "\(String(describing: error))")
  }

  @Test("long lines are read like short ones", arguments: ["x", "x,", "\"\"", "é", " ", "\u{301}", "a\nb"])
  func longLines(_ part: String) throws {
    let folder = ScratchFolder()
    let long = String(repeating: part, count: 200_000)
    let note = part == "x," ? "\"\(long)\"" : part == "a\nb" || part == "\"\"" ? "\"\(long)\"" : long
    let table = try CSVTable(
      folder.write("long.csv", "image,note,label\na.png,\(note),cat\r\nb.png,  short\t,dog\n"))
    #expect(table.header == ["image", "note", "label"] && table.rows.count == 2)
    let value = part == "\"\"" ? String(repeating: "\"", count: 200_000) : part == " " ? "" : long
    #expect(table.rows[0].fields == ["a.png", value, "cat"])
    #expect(table.rows[1].fields == ["b.png", "short", "dog"])
    #expect(table.rows[1].line == (part == "a\nb" ? 200_003 : 3))
  }

  @Test("a line with many fields is read completely, or refused with the number of fields")
  func manyFields() throws {
    let folder = ScratchFolder()
    let names = ["image", "label"] + (0..<50_000).map { "c\($0)" }
    let fields = ["a.png", "cat"] + (0..<50_000).map { $0 % 3 == 0 ? "" : "v\($0)" }
    let text = names.joined(separator: ",") + "\n" + fields.joined(separator: " , ") + "\n"
    let table = try CSVTable(folder.write("wide.csv", text))
    #expect(table.header == names && table.rows.map(\.fields) == [fields])
    // Blank rows are skipped, however many fields they have.
    let blank = try CSVTable(folder.write("blank.csv", "image,label\n , ,,,,\na.png,cat\n"))
    #expect(blank.rows.map(\.line) == [3])
    let error = #expect(throws: FileError.self) {
      try CSVTable(folder.write("more.csv", "image,label\n" + String(repeating: ",", count: 100_000) + "x\n"))
    }
    #expect(error?.message == "line 2: 100001 fields, where the first line has 2")
  }

  @Test("lines of a list end at any line break, and are read however long they are")
  func lines() throws {
    let folder = ScratchFolder()
    let long = "a" + String(repeating: "\u{301}", count: 100_000)
    let text = "\u{feff} n01 cat \r\n\r\n\tdog\rbird\u{2028}ant\u{85}\(long)\n\u{301}\n  "
    #expect(try ClassList.read(folder.write("c.txt", text)) == ["n01 cat", "dog", "bird", "ant", long, "\u{301}"])
  }

  @Test("lists and classes in UTF-16 are read, and names in other encodings are refused")
  func encodings() throws {
    let folder = ScratchFolder()
    let text = "image,label,note\np\u{e8}che.png,p\u{e8}che,n\u{e9}\np\u{ea}che.png,p\u{ea}che,n\n"
    func write(_ name: String, _ text: String, _ encoding: String.Encoding) throws -> String {
      try #require(text.data(using: encoding)).write(to: URL(fileURLWithPath: folder.file(name)))
      return folder.file(name)
    }
    for (index, encoding) in [String.Encoding.utf8, .utf16].enumerated() {
      let data = try CSVList(write("\(index).csv", text, encoding))
      #expect(data.classNames == ["p\u{e8}che", "p\u{ea}che"])
      #expect(try ClassList.read(write("\(index).txt", "p\u{e8}che\nother\n", encoding)) == ["p\u{e8}che", "other"])
    }
    let list = #expect(throws: FileError.self) { try CSVList(write("latin.csv", text, .isoLatin1)) }
    #expect(list?.message == "line 2: 'p\u{fffd}che.png' is no text in UTF-8; save the list in that encoding")
    let classes = #expect(throws: FileError.self) { try ClassList.read(write("c.txt", "a\np\u{e8}che\n", .isoLatin1)) }
    #expect(classes?.message == "'p\u{fffd}che' is no text in UTF-8; save the file in that encoding")
    // A column that is not used may contain any bytes.
    let note = try CSVList(write("note.csv", "image,label,note\na.png,cat,n\u{e9}\n", .isoLatin1))
    #expect(note.classNames == ["cat"])
    // A name that contains U+FFFD itself is not refused.
    #expect(try CSVList(write("own.csv", "image,label\na.png,\u{fffd}\n", .utf8)).classNames == ["\u{fffd}"])
  }

  @Test("two columns with one name are refused if they are used, and a second class of an image is counted")
  func ambiguous() throws {
    let error = #expect(throws: FileError.self) { try list("image,label,label\na.png,cat,dog\n") }
    #expect(error?.message == "line 1: two columns are called 'label'")
    #expect(try list("image,label,x,x\na.png,cat,1,2\n").count == 1)
    let twice = try list("image,label\na.png,cat\na.png,dog\na.png,cat\nb.png,dog\n")
    #expect(twice.count == 2 && twice.remarks.texts.count == 1)
    #expect(
      twice.remarks.texts[0].hasPrefix(
        "rows that give an image another class than its first, without a box, left out: 1 ("))
    #expect(twice.remarks.texts[0].hasSuffix("line 3)"))
    let boxes = try list(
      "image,label,l,t,r,b\na.png,cat,1,1,3,3\na.png,dog,2,2,4,4\n", box: ["l", "t", "r", "b"])
    #expect(boxes.remarks.texts.isEmpty)
  }

  private func list(_ text: String, box: [String] = [], classes: String? = nil) throws -> CSVList {
    let folder = ScratchFolder()
    let classes = try classes.map { try folder.write("classes.txt", $0) }
    return try CSVList(try folder.write("list.csv", text), columns: CSVList.Columns(box: box), classes: classes)
  }

  private func labels(_ text: String, classes: String? = nil) throws -> [Int] {
    let folder = try images()
    let classes = try classes.map { try folder.write("classes.txt", $0) }
    let rows = text.split(separator: " ").enumerated().map { "\($0 % 2 == 0 ? "ant" : "bee")/\($0 / 2 % 4).png,\($1)" }
    let data = try CSVList(
      try folder.write("l.csv", "image,label\n" + rows.joined(separator: "\n")), classes: classes)
    return try (0..<data.count).map { try data.sample(at: $0).label }
  }

  @Test("integer labels are class indices, and classes without images exist too")
  func numbers() throws {
    #expect(try labels("0 1 2 10 11 3") == [0, 1, 2, 10, 11, 3])
    #expect(try list("image,label\na,2\nb,11\n").classNames == (0...11).map(String.init))
    #expect(try labels("0.0 3.0 1.") == [0, 3, 1])
    #expect(try labels("7 07 +1") == [7, 7, 1])
    #expect(try labels("0.0 1 dog", classes: "cat\ndog\n") == [0, 1, 1])
  }

  @Test("labels that are names are classes sorted by code point, as torchvision sorts folders")
  func names() throws {
    // Code points put capitals before small letters, and both before accented letters and ligatures.
    let data = try list("image,label\na,b\nb,a10\nc,Z\nd,é\ne,\u{10ffff}\nf,a2\ng,ﬁ\nh,1st\n")
    #expect(data.classNames == ["1st", "Z", "a10", "a2", "b", "é", "ﬁ", "\u{10ffff}"])
  }

  @Test("a name that two classes have identifies neither")
  func sharedNames() throws {
    let list = ClassList(["n1 crane", "n2 crane", "n3 maillot", "owl", "owl", "5"])
    #expect(list.index(of: "n2") == 1 && list.index(of: "crane") == nil && list.index(of: "owl") == nil)
    #expect(list.problem(of: "owl") == "the name of 2 classes" && list.problem(of: "x") == "none of the 6 classes")
    #expect(list.index(of: "5") == 5 && list.index(of: "4") == 4 && list.index(of: "6") == nil)
    #expect(list.index(of: "1.0") == 1 && list.index(of: "1.5") == nil && list.index(of: "inf") == nil)
  }

  @Test("one of two data sets may have fewer classes if classes are numbers; names must agree")
  func common() {
    #expect(ClassList.common(["0", "1", "2"], ["0", "1"]) == ["0", "1", "2"])
    #expect(ClassList.common(["0"], ["0", "1"]) == ["0", "1"])
    #expect(ClassList.common(["a", "b"], ["a", "b"]) == ["a", "b"])
    #expect(ClassList.common(["a", "b"], ["a"]) == nil && ClassList.common(["0", "1", "10"], ["0", "1"]) == nil)
  }

  @Test(
    "quoted fields may contain commas, line breaks and quotes; line ends and blanks around fields do not matter")
  func fields() throws {
    let folder = ScratchFolder()
    for end in ["\n", "\r\n", "\r"] {
      let text =
        "\u{feff}image , label,\"a, note\"\(end)a.png,cat ,\"two\(end)lines\"\(end)\(end),,\(end)"
        + "\"b \"\"1\"\".png\", dog,5\" disk\(end)\" c\", \"owl\" ,"
      let table = try CSVTable(try folder.write("t.csv", text))
      #expect(table.header == ["image", "label", "a, note"])
      #expect(
        table.rows.map(\.fields) == [
          ["a.png", "cat", "two\nlines"], ["b \"1\".png", "dog", "5\" disk"], [" c", "owl", ""],
        ])
      #expect(table.rows.map(\.line) == [2, 6, 7])
    }
  }

  @Test("a row with an empty box is an image without an object, and a box outside its image is counted")
  func emptyBoxes() throws {
    let folder = try images()
    let path = try folder.write(
      "boxes.csv",
      "image,x1,y1,x2,y2,label\nant/0.png,1,1,3,3,ant\nbee/0.png,,,,,bee\nant/1.png,6,0,9,3,ant\nbee/1.png,-4,-3,2,1,bee\n"
    )
    let data = try CSVList(path, columns: CSVList.Columns(box: ["x1", "y1", "x2", "y2"]))
    let objects = try (0..<4).map { try data.sample(at: $0).objects }
    #expect(objects.map(\.count) == [1, 0, 0, 1])
    #expect(objects[3][0].columns == 0..<2 && objects[3][0].rows == 0..<1)
    #expect(data.remarks.texts == ["objects outside their image, left out: 1 (\(path), line 4)"])
    _ = try data.sample(at: 2)
    #expect(data.remarks.texts.count == 1 && data.remarks.texts[0].contains(": 1 ("))
  }

  @Test("paths in a list are relative to its folder or a given one, or absolute, with slashes or backslashes")
  func places() throws {
    let folder = try images()
    let text = "image,label\nant\\0.png,0\n\(folder.path)/bee/1.png,1\n"
    let data = try CSVList(try folder.write("l.csv", text))
    #expect(try (0..<2).map { try data.sample(at: $0).image.pixels[0] } == [0, 101])
    let elsewhere = ScratchFolder()
    let other = try CSVList(try elsewhere.write("l.csv", text), folder: folder.path)
    #expect(try other.sample(at: 0).image.pixels[0] == 0)
  }

  @Test("lists of classes may have any line ends")
  func classFiles() throws {
    let folder = ScratchFolder()
    for end in ["\n", "\r\n", "\r"] {
      let path = try folder.write("c.txt", "\u{feff}cat\(end) a dog \(end)\(end)owl\(end)")
      #expect(try ClassList.read(path) == ["cat", "a dog", "owl"])
    }
  }

  @Test("folders named by numbers are classes sorted as texts, as in torchvision, and a remark says so")
  func numberedFolders() throws {
    let folder = ScratchFolder()
    let image = RGBImage(width: 1, height: 1, pixels: [1, 2, 3])
    for name in ["0", "1", "2", "10"] {
      try Files.makeFolder(folder.file("all/\(name)"))
      try image.writePNG(to: folder.file("all/\(name)/a.png"))
    }
    let data = try ImageFolder(folder.file("all"))
    #expect(data.classNames == ["0", "1", "10", "2"])
    #expect(data.remarks.texts.count == 1 && data.remarks.texts[0].contains("order of texts (0, 1, 10, 2 …)"))
    let stated = try ImageFolder(
      folder.file("all"), classes: try folder.write("classes", (0...10).map(String.init).joined(separator: "\n")))
    #expect(try (0..<4).map { try stated.sample(at: $0).label } == [0, 1, 10, 2] && stated.remarks.texts.isEmpty)
  }

  @Test("JPEGs and PNGs with all of Pillow's extensions are read, and files with other extensions are counted")
  func endings() throws {
    let folder = ScratchFolder()
    try Files.makeFolder(folder.file("all/a"))
    for name in ["1.jpg", "2.jfif", "3.jpe", "4.JPEG", "5.JFIF", "6.x.jpg"] {
      try FileManager.default.copyItem(atPath: fixture("photo.jpg"), toPath: folder.file("all/a/\(name)"))
    }
    try RGBImage(width: 1, height: 1, pixels: [1, 2, 3]).writePNG(to: folder.file("all/a/7.apng"))
    for name in ["notes.txt", "jpg", ".8.jpg", "9.jpg.bak"] { try folder.write("all/a/\(name)", "none") }
    let data = try ImageFolder(folder.file("all"))
    #expect(data.count == 7)
    for index in 0..<7 { _ = try data.sample(at: index) }
    #expect(
      data.remarks.texts == [
        "files whose names end as no image's, left out: 3 (\(folder.path)/all/a/9.jpg.bak, and others)"
      ])
  }

  @Test("files that editors and systems leave in folders are neither classes nor images, and such folders are counted")
  func clutter() throws {
    let folder = try images()
    for name in [
      ".ipynb_checkpoints", "__MACOSX", "ant/.ipynb_checkpoints", "ant/@eaDir", "bee/__MACOSX/deep", "$RECYCLE.BIN",
    ] {
      try Files.makeFolder(folder.file(name))
      try FileManager.default.copyItem(atPath: folder.file("ant/0.png"), toPath: folder.file("\(name)/0.png"))
    }
    for name in [".DS_Store", "ant/.DS_Store", "ant/._0.png", "ant/.0.png", "bee/Thumbs.db", "bee/desktop.ini"] {
      try folder.write(name, "none")
    }
    let data = try ImageFolder(folder.path)
    #expect(data.classNames == ["ant", "bee"] && data.count == 8)
    #expect(
      data.remarks.texts
        == ["folders hidden or made by a system, left out: 6 (\(folder.path)/$RECYCLE.BIN, and others)"])
  }
}
