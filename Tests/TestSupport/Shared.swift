import Foundation

/// The reference values, images and weights that lie beside the repository on developers' machines.
public enum Shared {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("shared").path

  /// The path of a file in this folder.
  public static func path(_ name: String) -> String { folder + "/" + name }

  /// Whether a file exists there; tests that need it are skipped if it does not.
  public static func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
}
