import MetasalKit
import Testing

@Suite("The measure coverage") struct CoverageTests {
  private func value(_ values: [Double], threshold: Double = 0.5) -> Score.Value {
    Coverage(threshold: threshold).value(of: ImageMap(Tensor(values, shape: [2, 2]), width: 2, height: 2))
  }

  @Test("it counts the pixels above the threshold")
  func values() {
    #expect(value([4, 3, 1, -8]) == .defined(0.5))
    #expect(value([4, 3, 1, -8], threshold: 0.8) == .defined(0.25))
  }

  @Test("a map that is constant, not finite or nowhere positive has no value, and says why")
  func undefined() {
    for map in [[1, 1, 1, 1], [1, .nan, 0, 0], [-1, -2, -3, 0]] { #expect(value(map).number == nil) }
  }
}
