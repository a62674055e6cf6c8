/// Removes what PyTorch and other programs add to the names of a network's parameters.
public enum WeightNames {
  /// Name components that wrappers insert, at any position: `DataParallel` and `DistributedDataParallel`,
  /// `torch.compile`, `FullyShardedDataParallel`, activation checkpointing, Lightning's Fabric.
  public static let wrappers: Set<String> = [
    "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
  ]

  /// Usual names of the attribute that holds a whole network, which then prefix all names.
  private static let holders: Set<String> = ["model", "net", "network", "encoder", "backbone", "module"]

  /// Names of counters of batches, averaged networks or operations, which are not parameters.
  private static let counters: Set<String> = ["num_batches_tracked", "n_averaged", "total_ops", "total_params"]

  /// Whether a tensor with this name is a counter, which metasal does not need.
  public static func isCounter(_ name: String) -> Bool {
    counters.contains(String(name[(name.lastIndex(of: ".").map(name.index(after:)) ?? name.startIndex)...]))
  }

  /// Whether the dictionary at this path is the state of an optimizer, whose tensors have the shapes of weights and may
  /// have their names.
  public static func isOptimizer(_ place: String) -> Bool {
    place.split(separator: ".").contains { part in
      let part = part.lowercased()
      return part == "optim" || part.hasPrefix("optim_") || part.hasPrefix("optimizer")
    }
  }

  /// The tensors without counters, with wrapper components and common prefixes removed from their names. It needs no
  /// knowledge of the network.
  public static func plain(_ tensors: [StoredTensor]) -> [(name: String, tensor: StoredTensor)] {
    let kept = tensors.filter { !isCounter($0.name) }
    // Wrapper components that begin with an underscore never occur in a network's own names, so they are removed at any
    // position.
    let names = kept.map { tensor in
      tensor.name.split(separator: ".", omittingEmptySubsequences: false).filter {
        !($0.hasPrefix("_") && wrappers.contains(String($0)))
      }
    }
    var start = 0
    while let part = names.first?.dropFirst(start).first, holders.contains(String(part)),
      names.allSatisfy({ $0.count > start + 1 && $0[start] == part })
    {
      start += 1
    }
    let short = names.map { $0.dropFirst(start).joined(separator: ".") }
    let isClear = Set(short).count == short.count
    return zip(kept, short).map { (isClear ? $1 : $0.name, $0) }
  }
}
