// All kernels for one element type and one instruction set. The including file defines REAL, INTEGER (of the same
// size), LANES (elements in a vector), ROWS (of a tile: 6 or 12) and NAME (decorates a name). There is no include
// guard, because the file is included several times.

// Vectors at unaligned addresses.
typedef REAL NAME(Vector) __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL))));
typedef INTEGER NAME(Mask) __attribute__((vector_size(LANES * sizeof(REAL))));
#define VECTOR NAME(Vector)
#define MASK NAME(Mask)
#define WIDTH (2 * LANES)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

#include "Tiles.h"
#include "Winograd.h"
#include "Elementwise.h"

static long NAME(peak)(long rounds) {
  VECTOR sums[12];
  const VECTOR factor = NAME(splat)((REAL)0.999), term = NAME(splat)((REAL)0.001);
  UNROLL for (int i = 0; i < 12; i++) sums[i] = NAME(splat)((REAL)i);
  for (long r = 0; r < rounds; r++) UNROLL for (int i = 0; i < 12; i++) sums[i] = sums[i] * factor + term;
  REAL all = 0;
  for (int i = 0; i < 12; i++) all += sums[i][0];
  return all == all ? rounds * 12 * LANES * 2 : 0;
}

static const metasal_kernels NAME(kernels) = {NAME(tiles), NAME(winograd), NAME(loops), NAME(peak)};

#undef UNROLL
#undef INLINE
#undef WIDTH
#undef MASK
#undef VECTOR
#undef REAL
#undef INTEGER
#undef LANES
#undef ROWS
#undef NAME
