import Formats

/// The outline of an object in one of COCO's two forms.
enum Outline: Sendable {
  /// Polygons, each as alternating x and y; the object is their union.
  case polygons([[Double]])
  /// Run lengths of pixels alternately outside and inside, column by column, and the size of the image.
  case runs([Int], height: Int, width: Int)

  /// The mask of the object, row by row; a pixel belongs to a polygon if its center does. `placement` applies to
  /// polygons; run lengths state the size of the annotated image themselves. `path` is for messages.
  func mask(_ placement: Placement, _ file: ImageFile, _ path: String) throws -> [Bool] {
    switch self {
    case .polygons(let polygons):
      Self.filled(polygons.map(placement.polygon), placement.size)
    case .runs(let runs, let height, let width):
      try Placement(drawnOn: PixelSize(width: width, height: height), file, path)
        .mask(Self.pixels(runs, height: height, width: width))
    }
  }

  /// The left, upper, right and lower edges of the covered area; nil if it is empty.
  var bounds: [Double]? {
    switch self {
    case .polygons(let polygons):
      let points = polygons.joined().enumerated()
      let (xs, ys) = (
        points.filter { $0.offset % 2 == 0 }.map(\.element), points.filter { $0.offset % 2 == 1 }.map(\.element)
      )
      guard let left = xs.min(), let right = xs.max(), let top = ys.min(), let bottom = ys.max() else { return nil }
      return [left, top, right, bottom]
    case .runs(let runs, let height, let width):
      let covered = Self.pixels(runs, height: height, width: width).enumerated().filter(\.element).map(\.offset)
      let columns = covered.map { $0 % width }
      guard let left = columns.min(), let right = columns.max(), let first = covered.first, let last = covered.last
      else {
        return nil
      }
      return [left, first / width, right + 1, last / width + 1].map { Double($0) }
    }
  }

  /// The mask of the union of polygons, row by row.
  static func filled(_ polygons: [[Double]], _ size: PixelSize) -> [Bool] {
    var mask = [Bool](repeating: false, count: size.width * size.height)
    for polygon in polygons { fill(polygon, size.width, size.height, &mask) }
    return mask
  }

  /// The mask of run lengths, row by row.
  static func pixels(_ runs: [Int], height: Int, width: Int) -> [Bool] {
    var mask = [Bool](repeating: false, count: width * height)
    var (position, isInside) = (0, false)
    for run in runs {
      let end = min(width * height, position + run)
      if isInside { for pixel in position..<end { mask[pixel % height * width + pixel / height] = true } }
      (position, isInside) = (end, !isInside)
    }
    return mask
  }

  /// Fills a polygon by the even-odd rule: in each row the pixels between every odd crossing and the next.
  private static func fill(_ polygon: [Double], _ width: Int, _ height: Int, _ mask: inout [Bool]) {
    let points = stride(from: 0, to: polygon.count - 1, by: 2).map { (x: polygon[$0], y: polygon[$0 + 1]) }
    for row in 0..<height {
      let y = Double(row) + 0.5
      var crossings: [Double] = []
      for (index, a) in points.enumerated() {
        let b = points[(index + 1) % points.count]
        guard (a.y <= y) != (b.y <= y) else { continue }
        crossings.append(a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x))
      }
      crossings.sort()
      for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
        let first = max(0, Int((crossings[pair] - 0.5).rounded(.up)))
        let end = min(width, Int((crossings[pair + 1] - 0.5).rounded(.up)))
        if first < end { for column in first..<end { mask[row * width + column] = true } }
      }
    }
  }

  /// Decodes COCO's text form of run lengths: numbers with five bits per letter, from the third number on as
  /// differences to the number two places before. Nil if the text does not have this form.
  static func runs(packed text: String) -> [Int]? {
    var (runs, number, shift) = ([Int](), 0, 0)
    for byte in text.utf8 {
      guard (48..<112).contains(byte), shift < 60 else { return nil }
      let piece = Int(byte) - 48
      number |= (piece & 31) << shift
      shift += 5
      guard piece & 32 == 0 else { continue }
      if piece & 16 != 0 { number |= -1 << shift }
      if runs.count > 2 {
        let (sum, overflows) = number.addingReportingOverflow(runs[runs.count - 2])
        guard !overflows else { return nil }
        number = sum
      }
      guard number >= 0 else { return nil }
      runs.append(number)
      (number, shift) = (0, 0)
    }
    return shift == 0 ? runs : nil
  }
}
