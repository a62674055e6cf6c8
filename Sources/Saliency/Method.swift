/// The saliency methods, by the names that recipes and tables use.
public enum Method: String, Sendable, CaseIterable {
  case gradient
  case linearApproximation = "linear_approximation"
  case gradCAM = "grad_cam"
  case normGrad = "normgrad"
  case normGradSelective = "normgrad_selective"
}
