/// The weights at which maps are made: the network's own weights, or those after a virtual update towards the explained
/// class.
public enum MapWeights: String, Sendable, CaseIterable { case plain, virtual }
