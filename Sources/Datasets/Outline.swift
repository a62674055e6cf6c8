import Formats

/// Which pixels an object covers, in one of COCO's two forms.
enum Outline: Sendable {
  /// Polygons, each as x and y in turn; what any of them holds.
  case polygons([[Double]])
  /// Lengths of runs of pixels outside and inside in turn, column by column, and the size of the picture.
  case runs([Int], height: Int, width: Int)

  /// For each pixel, row by row, whether it is covered; by polygons it is if its centre is.
  func mask(width: Int, height: Int, of path: String) throws -> [Bool] {
    var mask = [Bool](repeating: false, count: width * height)
    switch self {
    case .polygons(let polygons):
      for polygon in polygons { Self.fill(polygon, width, height, &mask) }
    case .runs(let runs, let ownHeight, let ownWidth):
      guard ownHeight == height, ownWidth == width else {
        throw FileError(.malformed, path, "\(width)×\(height) pixels, but a mask for \(ownWidth)×\(ownHeight)")
      }
      var (position, isInside) = (0, false)
      for run in runs {
        if isInside {
          for pixel in position..<min(width * height, position + run) {
            mask[pixel % height * width + pixel / height] = true
          }
        }
        (position, isInside) = (min(width * height, position + run), !isInside)
      }
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
