/// What PyTorch and the programs around it put around a network's own names.
public enum WeightNames {
  /// Parts of names that say by what a module was wrapped, wherever they stand: by `DataParallel` or
  /// `DistributedDataParallel`, `torch.compile`, `FullyShardedDataParallel`, activation checkpointing, Lightning's Fabric.
  public static let wrappers: Set<String> = [
    "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
  ]

  /// What people call the attribute that a whole network is.
  private static let holders: Set<String> = ["model", "net", "network", "encoder", "backbone", "module"]

  /// What counts batches, averaged networks, or operations, and is no parameter.
  private static let counters: Set<String> = ["num_batches_tracked", "n_averaged", "total_ops", "total_params"]

  /// Whether a tensor of that name is a counter that nothing here needs.
  public static func isCounter(_ name: String) -> Bool {
    counters.contains(String(name[(name.lastIndex(of: ".").map(name.index(after:)) ?? name.startIndex)...]))
  }

  /// Whether what stands at this place is an optimizer's memory, which has the shapes of weights and may have their names.
  public static func isOptimizer(_ place: String) -> Bool {
    place.split(separator: ".").contains { part in
      let part = part.lowercased()
      return part == "optim" || part.hasPrefix("optim_") || part.hasPrefix("optimizer")
    }
  }

  /// Tensors under names without what stands around all of them, whatever network they are of; counters are left out.
  public static func plain(_ tensors: [StoredTensor]) -> [(name: String, tensor: StoredTensor)] {
    let kept = tensors.filter { !isCounter($0.name) }
    // Those that begin with an underscore are never part of a network's own names, so that they may stand anywhere.
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
