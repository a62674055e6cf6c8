#pragma once
#include <stdint.h>

/// The innermost loops of convolution, compiled for several instruction sets; Swift decides what they are run on.
///
/// All work on tiles of a few rows by `width` columns that stay in registers. Pointers are to float or double, sizes and
/// distances in elements. A tile of fewer than `width` columns is a remainder; its panel is as wide, with zeros.
typedef struct {
  /// Columns of a tile and of a panel.
  long width;

  /// panel[k][j] = b[k · ldb + j].
  void (*_Nonnull copyPanel)(const void *_Nonnull b, long ldb, long rows, long columns, void *_Nonnull panel);

  /// panel[k][j] = b[j · ldb + k].
  void (*_Nonnull transposePanel)(const void *_Nonnull b, long ldb, long rows, long columns, void *_Nonnull panel);

  /// For each tile of a plan: c[row m] (+)= Σ over its segments and over k < depth of a[offset m + k] · b[tap][k].
  ///
  /// A tile is: rows (at most METASAL_TILE_ROWS), segments, the rows' offsets in c, and for each segment its tap and the
  /// rows' offsets in a, of which a negative one stands for zeros. `depth` is at most METASAL_DEPTH.
  void (*_Nonnull gather)(
      const int32_t *_Nonnull plan, long tiles, const void *_Nonnull a, const void *_Nonnull b, long tapStride, long ldb,
      long depth, void *_Nonnull c, long columns, int adds);

  /// c[i · ldc + j] (+)= Σ over runs, and over k in the run, of a[i + start + k · ka] · b[(begin + k) · ldb + j], for
  /// i < inputs. A run is three numbers: start, begin and its length.
  void (*_Nonnull outer)(
      const int32_t *_Nonnull runs, long count, const void *_Nonnull a, long ka, long inputs, const void *_Nonnull b,
      long ldb, void *_Nonnull c, long ldc, long columns, int adds);
} metasal_tiles;

#define METASAL_TILE_ROWS 6
#define METASAL_DEPTH 256

/// The loops for this processor, or those that run on any.
const metasal_tiles *_Nonnull metasal_tiles_float(int portable);
const metasal_tiles *_Nonnull metasal_tiles_double(int portable);
