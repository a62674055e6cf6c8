import Networks
import Tensors
import Testing

@testable import Saliency

@Suite("Shared backward passes") struct BackwardPassTests {
  @Test("a pass is made once for the same classes, contrast, rule and sign, and again for others")
  func passes() {
    let passes = BackwardPasses()
    var made = 0
    func ask(_ classes: [Int], _ contrast: LogitContrast? = nil, _ rule: BackwardRule = .derivative, sign: Double = 1) {
      let key = BackwardPasses.Key(classes: classes, contrast: contrast, rule: rule, sign: sign)
      _ = passes.gradients(key) {
        made += 1
        return [:]
      }
    }
    for _ in 0..<3 {
      ask([1, 2])
      ask([2, 1])
      ask([1, 2], LogitContrast(classes: [[3, 4]], strength: 0.5))
      ask([1, 2], nil, .guided)
      ask([1, 2], sign: -1)
    }
    #expect(made == 5)
  }
}
