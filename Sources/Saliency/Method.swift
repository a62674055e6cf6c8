import Networks
import Tensors

/// How a saliency map is made. Every method has a name, for recipes and tables:
///
/// - published ones: `gradient`, `grad_cam`, `normgrad`, … (``Method/named``);
/// - any pair of the framework: `conv3x3/norm`, `scaling/filtered_norm`, with `guided/` or `deconvnet/` before it for
///   another backward rule;
/// - and around any of these: `smooth/normgrad`, `competitive/grad_cam`. Numbers stand behind a colon: `smooth:50/gradient`.
///
/// All of them can be differentiated, so that each can stand in an objective.
///
/// Some have several names: `normgrad` is `conv1x1/norm`. A method remembers the one it was asked for by, which tables, files
/// and recipes then call it; methods are equal whatever they are called.
public struct Method: Sendable {
  /// How the map is made.
  public let kind: Kind
  /// The name it was asked for by; nil for the usual one.
  var spelling: String?

  /// A method under its usual name.
  public init(_ kind: Kind) { self.kind = kind }

  /// The ways there are.
  public indirect enum Kind: Sendable, Hashable {
    /// One backward pass, then a pair of the framework.
    case pair(Pair)
    /// Class activation mapping from gradients: activations weighted channel by channel, summed, positive part.
    case classActivation(ChannelWeights)
    /// Zhang et al. 2016: the signal that excites the class, summed over channels.
    case excitation
    /// Zhang et al. 2016, contrastive: the signal of the class minus that of "not the class", whose last weights have their
    /// signs turned round; positive part of the sum over channels.
    case contrastiveExcitation
    /// Sundararajan et al. 2017: gradients along the straight path from the activation for an image of zeros (the mean
    /// color), times the difference, summed over channels. The midpoint rule with so many steps.
    case integratedGradients(steps: Int)
    /// Petsiuk et al. 2018: the mean of random masks, weighted by the class's probability on the masked image. Of the image,
    /// so at `input` only.
    case rise(masks: Int)
    /// Smilkov et al. 2017: the mean of another method's maps over noisy copies of the image, with a std of 0.15 of
    /// each image's range.
    case smooth(Method, samples: Int)
    /// After Gupta and Arora 2019: what of a map is larger there than the same method's map for every one of the likeliest
    /// other classes, so many of them; 0 elsewhere.
    case competitive(Method, rivals: Int)
  }

  /// How one backward pass becomes a map.
  public struct Pair: Sendable, Hashable {
    /// How the backward pass treats ReLUs.
    public var rule: BackwardRule
    public var extract: Extract
    public var aggregate: Aggregate

    /// A pair of the framework, by the derivative unless told otherwise.
    public init(_ extract: Extract, _ aggregate: Aggregate, rule: BackwardRule = .derivative) {
      (self.extract, self.aggregate, self.rule) = (extract, aggregate, rule)
    }
  }

  /// What weighs a channel in class activation mapping.
  public enum ChannelWeights: Sendable, Hashable {
    /// Selvaraju et al. 2017, Grad-CAM: the gradient's mean over locations.
    case mean
    /// Chattopadhay et al. 2018, Grad-CAM++: the sum over locations of positive gradients, each times g² / (2 g² + g³ Σ x) of
    /// equation 19, where the cube is the location's and x is summed over all locations. Where a denominator comes near 0, which
    /// takes activations that are negative, the quotient is bounded: see ``map(_:_:)``.
    case higherOrder
    /// Jiang et al. 2021, Layer-CAM: the positive gradient at each location.
    case local
  }
}

extension Method: Hashable {
  public static func == (a: Method, b: Method) -> Bool { a.kind == b.kind }
  public func hash(into hasher: inout Hasher) { hasher.combine(kind) }
}

// Each kind as a method.
extension Method {
  public static func pair(_ pair: Pair) -> Method { Method(.pair(pair)) }
  public static func classActivation(_ weights: ChannelWeights) -> Method { Method(.classActivation(weights)) }
  public static let excitation = Method(.excitation)
  public static let contrastiveExcitation = Method(.contrastiveExcitation)
  public static func integratedGradients(steps: Int) -> Method { Method(.integratedGradients(steps: steps)) }
  public static func rise(masks: Int) -> Method { Method(.rise(masks: masks)) }
  public static func smooth(_ method: Method, samples: Int) -> Method { Method(.smooth(method, samples: samples)) }
  public static func competitive(_ method: Method, rivals: Int) -> Method {
    Method(.competitive(method, rivals: rivals))
  }
}

extension Method {
  /// Why the method has no map at a layer of a network; nil if it has.
  public func obstacle(at layer: String, of network: Network) -> String? {
    switch kind {
    case .rise where layer != "input":
      return "\(self) explains the image itself, so its only layer is 'input', not '\(layer)'"
    case .pair(let pair) where pair.extract == .ownConvolution && !network.convolutionNames.contains(layer):
      let some = network.convolutionNames.suffix(3).joined(separator: ", ")
      return "\(self) has maps at convolutions alone, such as \(some); '\(layer)' is none"
    case .excitation, .contrastiveExcitation:
      guard let reason = network.excitationObstacle(at: layer) else { return nil }
      return
        "\(self) has no map at '\(layer)' of \(network.architecture): it supposes activations that are not negative, as ReLU leaves them, "
        + "between there and the logits, and \(reason)"
    case .competitive where network.classes < 2:
      return "\(self) compares classes, and the network has only one class"
    case .smooth(let inner, _), .competitive(let inner, _): return inner.obstacle(at: layer, of: network)
    default: return nil
    }
  }
}

// MARK: - Published methods

extension Method {
  /// Simonyan et al. 2014.
  public static let gradient = Method.pair(Pair(.bias, .maxAbs))
  /// Shrikumar et al. 2016; at layers other than the input the same as ``linearApproximation``.
  public static let gradientTimesInput = Method.pair(Pair(.scaling, .sum))
  /// Zeiler and Fergus 2014.
  public static let deconvnet = Method.pair(Pair(.bias, .maxAbs, rule: .deconvolution))
  /// Springenberg et al. 2015.
  public static let guidedBackprop = Method.pair(Pair(.bias, .maxAbs, rule: .guided))
  /// Gradient times activation, summed over channels.
  public static let linearApproximation = Method.pair(Pair(.scaling, .sum))
  /// Selvaraju et al. 2017.
  public static let gradCAM = Method.classActivation(.mean)
  /// Rebuffi et al. 2020: the norm of the gradient of a virtual 1×1 convolution.
  public static let normGrad = Method.pair(Pair(.convolution(size: 1), .norm))
  /// Rebuffi et al. 2020, selective: the norm of the positive part of the gradient of a virtual scaling.
  public static let normGradSelective = Method.pair(Pair(.scaling, .filteredNorm))
  /// Rebuffi et al. 2020: the norm of the gradient of a convolution that the network has.
  public static let normGradConvolution = Method.pair(Pair(.ownConvolution, .norm))

  /// The methods that have names of their own. ``gradientTimesInput`` has two.
  public static let named: [(name: String, method: Method)] = [
    ("gradient", .gradient), ("linear_approximation", .linearApproximation),
    ("gradient_times_input", .gradientTimesInput), ("deconvnet", .deconvnet), ("guided_backprop", .guidedBackprop),
    ("grad_cam", .gradCAM), ("grad_cam++", .classActivation(.higherOrder)), ("layer_cam", .classActivation(.local)),
    ("normgrad", .normGrad), ("normgrad_selective", .normGradSelective), ("normgrad_conv", .normGradConvolution),
    ("excitation_backprop", .excitation), ("contrastive_excitation_backprop", .contrastiveExcitation),
    ("integrated_gradients", .integratedGradients(steps: 32)), ("rise", .rise(masks: 1000)),
  ]
}
