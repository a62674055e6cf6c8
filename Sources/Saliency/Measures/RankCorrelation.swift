/// Spearman's rank correlation of two equally long lists of finite numbers; equal values get their mean rank.
///
/// - Returns: nil where either list is constant, and so has no rank correlation.
public func rankCorrelation(_ a: [Double], _ b: [Double]) -> Double? {
  precondition(a.count == b.count, "rankCorrelation: \(a.count) values against \(b.count)")
  let (u, v) = (ranks(a), ranks(b))
  let centre = Double(a.count + 1) / 2
  var (uv, uu, vv) = (0.0, 0.0, 0.0)
  for (x, y) in zip(u, v) {
    uv += (x - centre) * (y - centre)
    uu += (x - centre) * (x - centre)
    vv += (y - centre) * (y - centre)
  }
  return uu > 0 && vv > 0 ? uv / (uu * vv).squareRoot() : nil
}

/// Ranks from 1, mean ranks for equal values.
func ranks(_ values: [Double]) -> [Double] {
  let order = values.indices.sorted { values[$0] < values[$1] }
  var ranks = [Double](repeating: 0, count: values.count)
  var start = 0
  while start < order.count {
    var end = start + 1
    while end < order.count && values[order[end]] == values[order[start]] { end += 1 }
    let mean = Double(start + 1 + end) / 2
    for k in start..<end { ranks[order[k]] = mean }
    start = end
  }
  return ranks
}
