/// The weights at which maps are made: the network's own, or those after a virtual update towards the class that is explained.
public enum MapWeights: String, Sendable, CaseIterable { case plain, virtual }
