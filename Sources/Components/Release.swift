/// The release of metasal that this program was built from.
public enum Release {
  /// The version, as in the changelog.
  public static let version = "0.1.0"
}
