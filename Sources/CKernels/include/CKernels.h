#pragma once
#include <stdint.h>

// The innermost loops, compiled for several instruction sets; Swift decides what they are run on. C, because Swift cannot
// compile a function for several of them and choose at run time.

/// The loops of convolution.
///
/// All work on tiles of a few rows by `width` columns that stay in registers. Pointers are to float or double, sizes and
/// distances in elements. A tile of fewer columns is a remainder: of at most `lanes` it reads as many from its panel, else
/// `width`, so a panel is filled up with zeros to one or the other.
typedef struct {
  /// Elements of a vector.
  long lanes;
  /// Columns of a tile: two vectors.
  long width;
  /// The most rows of a tile.
  long rows;

  /// panel[k][j] = b[k · ldb + j] for j < columns, else 0; the panel's rows are `width` (lanes or 2 · lanes) long. Further
  /// columns go to further panels, each `panelStride` after the one before: a few at a time, since a matrix that comes from
  /// memory comes some lines at a time.
  void (*_Nonnull copyPanels)(
      const void *_Nonnull b, long ldb, long rows, long columns, void *_Nonnull panels, long width, long panelStride);

  /// A single panel with panel[k][j] = b[j · ldb + k].
  void (*_Nonnull transposePanel)(
      const void *_Nonnull b, long ldb, long rows, long columns, void *_Nonnull panel, long width);

  /// For each tile of a plan: c[row m] (+)= Σ over its segments and over k < depth of a[offset m + k] · b[tap][k].
  ///
  /// A tile is: rows, segments, the rows' offsets in c, and for each segment its tap and the
  /// rows' offsets in a, of which a negative one stands for zeros. `depth` is at most METASAL_DEPTH.
  void (*_Nonnull gather)(
      const int32_t *_Nonnull plan, long tiles, const void *_Nonnull a, const void *_Nonnull b, long tapStride, long ldb,
      long depth, void *_Nonnull c, long columns, int adds);

  /// The pixels of some runs, `rows` numbers of each, one after the other.
  void (*_Nonnull packRuns)(
      const int32_t *_Nonnull runs, long count, const void *_Nonnull a, long ka, long rows, void *_Nonnull packed);

  /// c[i · ldc + j] (+)= Σ over runs, and over k in the run, of a[start + k · ka + i] · b[begin + k][j], for i < rows
  /// and j < columns.
  ///
  /// A run is three numbers: start, begin and its length; if `packed`, a's runs come one after the other. Rows of b lie
  /// `ldb` apart, and each `width` columns `panelStride` after those before; a remainder is filled up with zeros.
  void (*_Nonnull outer)(
      const int32_t *_Nonnull runs, long count, const void *_Nonnull a, long ka, int packed, long rows,
      const void *_Nonnull b, long panelStride, long ldb, void *_Nonnull c, long ldc, long columns, int adds);
} metasal_tiles;

/// A slot of the trilinear form that a convolution is.
typedef enum { metasal_image, metasal_kernel, metasal_response } metasal_slot;

/// Winograd's transforms for kernels of 3 × 3 and tiles of the response of m × m, m being 2 or 4 (Lavin and Gray 2016, "Fast
/// Algorithms for Convolutional Neural Networks"), of whole vectors of columns.
///
/// Patches of each slot ((m + 2)² of the image, 3² of the kernel, m² of the response) become (m + 2)² planes, in which the
/// form is a sum of as many products: Σ y · (x ⋆ w) = Σ over planes of (Bᵀ x B) (G w Gᵀ) (A y Aᵀ). So an open slot comes out
/// of its planes by the adjoint of what takes it in. A plane is a matrix of one row per patch, `planeStride` after the one
/// before.
typedef struct {
  /// Rows of tiles of a response, the first of them `first`, and the patches of the image that they see: the first
  /// pixel of the response sees those from -top and -left on. Columns are channels.
  void (*_Nonnull imageToPlanes)(
      int m, const void *_Nonnull image, long height, long width, long channels, long top, long left, long first,
      long tileRows, long tileColumns, void *_Nonnull planes, long planeStride);
  /// Patches of the kernel or the response: number i of a patch, row by row, of item t lies at
  /// offsets[t · step + i] + t · distance, where a negative offset stands for zeros.
  void (*_Nonnull toPlanes)(
      int m, metasal_slot slot, const int32_t *_Nonnull offsets, long step, long distance, long items,
      const void *_Nonnull x, long columns, void *_Nonnull planes, long planeStride);
  /// The adjoint, from planes to patches, added to what is there if asked; with a negative offset nothing is written.
  void (*_Nonnull fromPlanes)(
      int m, metasal_slot slot, const int32_t *_Nonnull offsets, long step, long distance, long items,
      const void *_Nonnull planes, long planeStride, void *_Nonnull x, long columns, int adds);
  /// c = a · b in each plane, or (across) c = aᵀ · b. c is [rows, columns], b [depth, columns], where columns is
  /// one of the tiles' two widths; a is [rows, depth] or [depth, rows], its own rows `lda` apart. Meanwhile `nextBytes` bytes
  /// at `next`, which the work after this one is about, come into the cache.
  void (*_Nonnull products)(
      long planes, int across, long rows, const void *_Nonnull a, long aStride, long lda, long depth,
      const void *_Nonnull b, long bStride, void *_Nonnull c, long cStride, long columns,
      const void *_Nullable next, long nextBytes);
} metasal_winograd;

/// A function of two elements.
typedef enum {
  metasal_add, metasal_subtract, metasal_multiply, metasal_divide,
  /// The first where the second is positive, 0 elsewhere.
  metasal_gate
} metasal_binary;

/// A function of an element and a parameter.
typedef enum {
  metasal_scale, metasal_shift,
  /// 0 for negative numbers; what isn't a number stays so.
  metasal_relu, metasal_sign, metasal_reciprocal_or_zero, metasal_sqrt
} metasal_unary;

/// Loops over elements of contiguous arrays; matrices are row by row.
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
  /// z[j] = Σ (x[r][j] - center[j]) · y[r][j] over r, without y the sum of x; rows lie `distance` apart. Sums of
  /// METASAL_SUM_BLOCK rows are added up, which loses less to rounding than one long sum.
  void (*_Nonnull sumColumns)(
      const void *_Nonnull x, const void *_Nullable center, const void *_Nullable y, void *_Nonnull z, long rows,
      long distance, long columns);
  /// z[r] = Σ x[r][j] · y[r][j] over j, without y the sum of x.
  void (*_Nonnull sumRows)(
      const void *_Nonnull x, const void *_Nullable y, void *_Nonnull z, long rows, long columns);
  /// z[r][j] = (x[r][j] - center[j]) · scale[j] + shift[j] + residual[r][j], its positive part if `relu`.
  void (*_Nonnull standardize)(
      const void *_Nonnull x, const void *_Nullable center, const void *_Nonnull scale, const void *_Nullable shift,
      const void *_Nullable residual, int relu, void *_Nonnull z, long rows, long columns);
  /// z[j] = the largest x[offsets[k] + j] over k, the first of equals; places[j] is where it lies. `count` is positive.
  void (*_Nonnull maxima)(
      const void *_Nonnull x, const int32_t *_Nonnull offsets, long count, void *_Nonnull z, int32_t *_Nonnull places,
      long columns);
} metasal_loops;

#define METASAL_SUM_BLOCK 64
#define METASAL_DEPTH 256

/// All of them for one element type.
typedef struct {
  metasal_tiles tiles;
  metasal_winograd winograd;
  metasal_loops loops;
  /// Multiplies and adds in registers as fast as the processor can, `rounds` times 12 vectors: what arithmetic is measured
  /// against. Gives the number of floating-point operations, or 0 should a sum be no number.
  long (*_Nonnull peak)(long rounds);
} metasal_kernels;

/// Instructions that the loops exist for, narrow vectors first.
typedef enum { metasal_portable, metasal_avx2, metasal_avx512 } metasal_instructions;

/// The last of them that this processor has.
metasal_instructions metasal_best_instructions(void);

const metasal_kernels *_Nonnull metasal_kernels_float(metasal_instructions instructions);
const metasal_kernels *_Nonnull metasal_kernels_double(metasal_instructions instructions);
