import Formats

/// Which pixels an object covers, in one of COCO's two forms.
enum Outline: Sendable {
  /// Polygons, each as x and y in turn; what any of them holds.
  case polygons([[Double]])
  /// Lengths of runs of pixels outside and inside in turn, column by column, and the size of the image.
  case runs([Int], height: Int, width: Int)

  /// For each pixel of the image, row by row, whether it is covered; by polygons it is if its centre is. The placement is of
  /// polygons: runs state the size they were drawn on themselves. The path is for messages.
  func mask(_ placement: Placement, _ file: ImageFile, _ path: String) throws -> [Bool] {
    switch self {
    case .polygons(let polygons):
      Self.filled(polygons.map(placement.polygon), placement.size)
    case .runs(let runs, let height, let width):
      try Placement(drawnOn: PixelSize(width: width, height: height), file, path)
        .mask(Self.pixels(runs, height: height, width: width))
    }
  }

  /// The edges of all that is covered; nil where nothing is.
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

  /// What polygons cover, row by row.
  static func filled(_ polygons: [[Double]], _ size: PixelSize) -> [Bool] {
    var mask = [Bool](repeating: false, count: size.width * size.height)
    for polygon in polygons { fill(polygon, size.width, size.height, &mask) }
    return mask
  }

  /// What runs cover, row by row.
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

  /// Row by row, between each odd crossing and the next.
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

  /// Runs as COCO packs them into text: numbers of five bits a letter, each from the third on as the difference to the one two
  /// before it. Nil if the text is none of that.
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
