#pragma once
#include <stdint.h>

// The innermost loops, compiled for several instruction sets; Swift code chooses their inputs. They are written in C
// because Swift cannot compile a function for several instruction sets and choose one at run time.

/// The convolution loops.
///
/// All of them work on tiles of a few rows by `width` columns that stay in registers. Pointers are to float or double;
/// sizes and distances are in elements. A tile may have fewer columns, as a remainder. It then reads `lanes` columns of
/// its panel if it has at most `lanes` columns, and otherwise `width`. Panels are therefore padded with zeros to one of
/// these widths.
typedef struct {
  /// The number of elements of a vector.
  long lanes;
  /// The number of columns of a tile: two vectors.
  long width;
  /// The largest number of rows of a tile.
  long rows;

  /// Copies to panels: panel[k][j] = b[k · ldb + j] for j < columns, otherwise 0. The panel's rows have `width`
  /// elements (lanes or 2 · lanes). Further columns are copied to further panels, each `panelStride` after the one
  /// before. Several panels are copied together because a matrix that is not in the cache arrives in groups of cache
  /// lines.
  void (*_Nonnull copyPanels)(
      const void *_Nonnull b, long ldb, long rows, long columns, void *_Nonnull panels, long width, long panelStride);

  /// Copies to a single panel with panel[k][j] = b[j · ldb + k].
  void (*_Nonnull transposePanel)(
      const void *_Nonnull b, long ldb, long rows, long columns, void *_Nonnull panel, long width);

  /// For each tile of a plan: c[row m] (+)= Σ over its segments and over k < depth of a[offset m + k] · b[tap][k].
  ///
  /// A tile consists of the number of rows, the number of segments, the rows' offsets in c, and for each segment its
  /// tap and the rows' offsets in a. A negative offset in a stands for zeros. `depth` is at most METASAL_DEPTH.
  void (*_Nonnull gather)(
      const int32_t *_Nonnull plan, long tiles, const void *_Nonnull a, const void *_Nonnull b, long tapStride, long ldb,
      long depth, void *_Nonnull c, long columns, int adds);

  /// Copies the pixels of some runs, `rows` numbers of each, one after the other.
  void (*_Nonnull packRuns)(
      const int32_t *_Nonnull runs, long count, const void *_Nonnull a, long ka, long rows, void *_Nonnull packed);

  /// Computes c[i · ldc + j] (+)= Σ over runs, and over k in the run, of a[start + k · ka + i] · b[begin + k][j], for i
  /// < rows and j < columns.
  ///
  /// A run consists of three numbers: start, begin and its length. If `packed`, a's runs lie one after the other. Rows
  /// of b are `ldb` apart, and each group of `width` columns lies `panelStride` after the group before; a remainder is
  /// padded with zeros.
  void (*_Nonnull outer)(
      const int32_t *_Nonnull runs, long count, const void *_Nonnull a, long ka, int packed, long rows,
      const void *_Nonnull b, long panelStride, long ldb, void *_Nonnull c, long ldc, long columns, int adds);
} metasal_tiles;

/// A slot of the trilinear form of a convolution.
typedef enum { metasal_image, metasal_kernel, metasal_response } metasal_slot;

/// Winograd's transforms for 3 × 3 kernels and m × m tiles of the response, where m is 2 or 4 (Lavin and Gray 2016,
/// "Fast Algorithms for Convolutional Neural Networks"). They process whole vectors of columns.
///
/// Patches of each slot ((m + 2)² elements of the image, 3² of the kernel, m² of the response) are transformed to (m +
/// 2)² planes, in which the form is a sum of as many products: Σ y · (x ⋆ w) = Σ over planes of (Bᵀ x B) (G w Gᵀ) (A y
/// Aᵀ). An open slot is computed from its planes by the adjoint of its transform. A plane is a matrix with one row per
/// patch, and lies `planeStride` after the plane before.
typedef struct {
  /// Transforms the image patches for rows of tiles of a response, starting with row `first`. The patch of the
  /// response's first pixel begins at row -top and column -left of the image. Columns are channels.
  void (*_Nonnull imageToPlanes)(
      int m, const void *_Nonnull image, long height, long width, long channels, long top, long left, long first,
      long tileRows, long tileColumns, void *_Nonnull planes, long planeStride);
  /// Transforms patches of the kernel or the response. Element i of a patch, row by row, of item t lies at offsets[t ·
  /// step + i] + t · distance; a negative offset stands for zeros.
  void (*_Nonnull toPlanes)(
      int m, metasal_slot slot, const int32_t *_Nonnull offsets, long step, long distance, long items,
      const void *_Nonnull x, long columns, void *_Nonnull planes, long planeStride);
  /// The adjoint transform, from planes to patches. The result is added to the existing values if requested; for a
  /// negative offset nothing is written.
  void (*_Nonnull fromPlanes)(
      int m, metasal_slot slot, const int32_t *_Nonnull offsets, long step, long distance, long items,
      const void *_Nonnull planes, long planeStride, void *_Nonnull x, long columns, int adds);
  /// Computes c = a · b in each plane or, if `across`, c = aᵀ · b. c is [rows, columns] and b is [depth, columns],
  /// where columns is one of the tiles' two widths; a is [rows, depth] or [depth, rows], with rows `lda` apart. At the
  /// same time, `nextBytes` bytes at `next`, which are needed next, are prefetched into the cache.
  void (*_Nonnull products)(
      long planes, int across, long rows, const void *_Nonnull a, long aStride, long lda, long depth,
      const void *_Nonnull b, long bStride, void *_Nonnull c, long cStride, long columns,
      const void *_Nullable next, long nextBytes);
} metasal_winograd;

/// A function of two elements.
typedef enum {
  metasal_add, metasal_subtract, metasal_multiply, metasal_divide,
  /// The first operand where the second is positive, and 0 elsewhere.
  metasal_gate
} metasal_binary;

/// A function of an element and a parameter.
typedef enum {
  metasal_scale, metasal_shift,
  /// 0 for negative numbers; NaN stays NaN.
  metasal_relu, metasal_sign, metasal_reciprocal_or_zero, metasal_sqrt
} metasal_unary;

/// Loops over elements of contiguous arrays; matrices are stored row by row.
typedef struct {
  /// z[i] = f(x[i], y[i]); z may be x.
  void (*_Nonnull binary)(metasal_binary f, const void *_Nonnull x, const void *_Nonnull y, void *_Nonnull z, long count);
  /// z[r][j] = f(x[r][j], y[j]).
  void (*_Nonnull binaryColumns)(
      metasal_binary f, const void *_Nonnull x, const void *_Nonnull y, void *_Nonnull z, long rows, long columns);
  /// z[r][j] = f(x[r][j], y[r]).
  void (*_Nonnull binaryRows)(
      metasal_binary f, const void *_Nonnull x, const void *_Nonnull y, void *_Nonnull z, long rows, long columns);
  /// z[i] = f(x[i]).
  void (*_Nonnull unary)(metasal_unary f, double parameter, const void *_Nonnull x, void *_Nonnull z, long count);
  /// z[i] = x[i] + factor · y[i]; z may be x.
  void (*_Nonnull addScaled)(
      const void *_Nonnull x, const void *_Nonnull y, double factor, void *_Nonnull z, long count);
  /// z[j] = Σ (x[r][j] - center[j]) · y[r][j] over r; without y the sum of x. Rows are `distance` apart. The sum is
  /// made of partial sums of METASAL_SUM_BLOCK rows, which has smaller rounding errors than one long sum.
  void (*_Nonnull sumColumns)(
      const void *_Nonnull x, const void *_Nullable center, const void *_Nullable y, void *_Nonnull z, long rows,
      long distance, long columns);
  /// z[r] = Σ x[r][j] · y[r][j] over j; without y the sum of x.
  void (*_Nonnull sumRows)(
      const void *_Nonnull x, const void *_Nullable y, void *_Nonnull z, long rows, long columns);
  /// z[r][j] = (x[r][j] - center[j]) · scale[j] + shift[j] + residual[r][j]; its positive part if `relu`.
  void (*_Nonnull standardize)(
      const void *_Nonnull x, const void *_Nullable center, const void *_Nonnull scale, const void *_Nullable shift,
      const void *_Nullable residual, int relu, void *_Nonnull z, long rows, long columns);
  /// z[j] = the largest x[offsets[k] + j] over k; places[j] is the position of the first maximum. `count` is positive.
  void (*_Nonnull maxima)(
      const void *_Nonnull x, const int32_t *_Nonnull offsets, long count, void *_Nonnull z, int32_t *_Nonnull places,
      long columns);
} metasal_loops;

#define METASAL_SUM_BLOCK 64
#define METASAL_DEPTH 256

/// All kernels for one element type.
typedef struct {
  metasal_tiles tiles;
  metasal_winograd winograd;
  metasal_loops loops;
  /// Performs `rounds` times 12 vectors of multiply-adds in registers, as fast as the processor can, to measure its
  /// peak. It returns the number of floating-point operations, or 0 if a sum is NaN.
  long (*_Nonnull peak)(long rounds);
} metasal_kernels;

/// The instruction sets that the loops are compiled for, narrow vectors first.
typedef enum { metasal_portable, metasal_avx2, metasal_avx512 } metasal_instructions;

/// The last one of these that this processor supports.
metasal_instructions metasal_best_instructions(void);

const metasal_kernels *_Nonnull metasal_kernels_float(metasal_instructions instructions);
const metasal_kernels *_Nonnull metasal_kernels_double(metasal_instructions instructions);
