// Tiles of METASAL_TILE_ROWS rows by two vectors, for one element type and one instruction set: see Kernels.h for
// what is defined.
//
// Twelve accumulators and two vectors of b fill the sixteen registers of AVX2; every b is used for six rows, every a for two
// vectors, so that loads keep up with the two multiply-adds per cycle.

static const REAL NAME(zeros)[METASAL_DEPTH];

INLINE void NAME(load)(const int rows, VECTOR sums[ROWS][2], REAL *const *c, long columns, int adds) {
  UNROLL for (int m = 0; m < rows; m++) {
    sums[m][0] = sums[m][1] = (VECTOR){0};
    if (!adds) continue;
    REAL rest[WIDTH] = {0};
    const REAL *from = c[m];
    if (columns < WIDTH) {
      for (long j = 0; j < columns; j++) rest[j] = c[m][j];
      from = rest;
    }
    sums[m][0] = *(const VECTOR *)from;
    sums[m][1] = *(const VECTOR *)(from + LANES);
  }
}

INLINE void NAME(store)(const int rows, VECTOR sums[ROWS][2], REAL *const *c, long columns) {
  UNROLL for (int m = 0; m < rows; m++) {
    REAL rest[WIDTH];
    REAL *to = columns < WIDTH ? rest : c[m];
    *(VECTOR *)to = sums[m][0];
    *(VECTOR *)(to + LANES) = sums[m][1];
    if (columns < WIDTH) for (long j = 0; j < columns; j++) c[m][j] = rest[j];
  }
}

INLINE void NAME(gatherTile)(
    const int rows, const int32_t *tile, int segments, const REAL *a, const REAL *b, long tapStride, long ldb, long depth,
    REAL *c, long columns, int adds) {
  REAL *target[ROWS];
  UNROLL for (int m = 0; m < rows; m++) target[m] = c + tile[m];
  tile += rows;
  VECTOR sums[ROWS][2];
  NAME(load)(rows, sums, target, columns, adds);
  for (int s = 0; s < segments; s++) {
    const REAL *x[ROWS];
    UNROLL for (int m = 0; m < rows; m++) x[m] = tile[1 + m] < 0 ? NAME(zeros) : a + tile[1 + m];
    const REAL *y = b + tile[0] * tapStride;
    for (long k = 0; k < depth; k++) {
      VECTOR low = *(const VECTOR *)y, high = *(const VECTOR *)(y + LANES);
      UNROLL for (int m = 0; m < rows; m++) {
        sums[m][0] += x[m][k] * low;
        sums[m][1] += x[m][k] * high;
      }
      y += ldb;
    }
    tile += 1 + rows;
  }
  NAME(store)(rows, sums, target, columns);
}

INLINE void NAME(outerTile)(
    const int rows, const int32_t *runs, long count, const REAL *a, long ka, int packed, const REAL *b, long ldb, REAL *c,
    long ldc, long columns, int adds) {
  REAL *target[ROWS];
  UNROLL for (int m = 0; m < rows; m++) target[m] = c + m * ldc;
  VECTOR sums[ROWS][2];
  NAME(load)(rows, sums, target, columns, adds);
  const REAL *x = a;
  for (long r = 0; r < count; r++, runs += 3) {
    const REAL *y = b + runs[1] * ldb;
    if (!packed) x = a + runs[0];
    for (long k = runs[2]; k > 0; k--) {
      VECTOR low = *(const VECTOR *)y, high = *(const VECTOR *)(y + LANES);
      UNROLL for (int m = 0; m < rows; m++) {
        sums[m][0] += x[m] * low;
        sums[m][1] += x[m] * high;
      }
      x += ka;
      y += ldb;
    }
  }
  NAME(store)(rows, sums, target, columns);
}

// One function per number of rows, so that each keeps its sums in registers.
#define TILES(rows)                                                                                                     \
  static __attribute__((noinline)) void NAME(gather##rows)(                                                             \
      const int32_t *tile, int segments, const REAL *a, const REAL *b, long tapStride, long ldb, long depth, REAL *c,   \
      long columns, int adds) {                                                                                         \
    NAME(gatherTile)(rows, tile, segments, a, b, tapStride, ldb, depth, c, columns, adds);                              \
  }                                                                                                                     \
  static __attribute__((noinline)) void NAME(outer##rows)(                                                              \
      const int32_t *runs, long count, const REAL *a, long ka, int packed, const REAL *b, long ldb, REAL *c, long ldc,  \
      long columns, int adds) {                                                                                         \
    NAME(outerTile)(rows, runs, count, a, ka, packed, b, ldb, c, ldc, columns, adds);                                   \
  }
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
#undef TILES
#define EACH_HEIGHT(call) \
  case 1: call(1); break; case 2: call(2); break; case 3: call(3); break; \
  case 4: call(4); break; case 5: call(5); break; case 6: call(6); break;

static void NAME(gather)(
    const int32_t *plan, long tiles, const void *a, const void *b, long tapStride, long ldb, long depth, void *c,
    long columns, int adds) {
  for (long t = 0; t < tiles; t++) {
    int rows = plan[0], segments = plan[1];
    plan += 2;
#define CALL(rows) NAME(gather##rows)(plan, segments, a, b, tapStride, ldb, depth, c, columns, adds)
    switch (rows) { EACH_HEIGHT(CALL) }
#undef CALL
    plan += rows + segments * (1 + rows);
  }
}

static void NAME(outer)(
    const int32_t *runs, long count, const void *a, long ka, int packed, long rows, const void *b, long panelStride,
    long ldb, void *c, long ldc, long columns, int adds) {
  const REAL *y = b;
  REAL *z = c;
  for (long j = 0; j < columns; j += WIDTH, y += panelStride)
#define CALL(rows) NAME(outer##rows)(runs, count, a, ka, packed, y, ldb, z + j, ldc, columns - j, adds)
    switch (rows) { EACH_HEIGHT(CALL) }
#undef CALL
}

static void NAME(packRuns)(
    const int32_t *runs, long count, const void *a, long ka, long rows, void *packed) {
  REAL *to = packed;
  for (long r = 0; r < count; r++, runs += 3) {
    const REAL *from = (const REAL *)a + runs[0];
    for (long k = runs[2]; k > 0; k--, from += ka)
      for (long m = 0; m < rows; m++) *to++ = from[m];
  }
}

static void NAME(copyPanel)(const void *b, long ldb, long rows, long columns, void *panel) {
  const REAL *from = b;
  REAL *to = panel;
  for (long k = 0; k < rows; k++, from += ldb, to += WIDTH) {
    if (columns >= WIDTH) {
      *(VECTOR *)to = *(const VECTOR *)from;
      *(VECTOR *)(to + LANES) = *(const VECTOR *)(from + LANES);
    } else {
      for (long j = 0; j < WIDTH; j++) to[j] = j < columns ? from[j] : 0;
    }
  }
}

static void NAME(transposePanel)(const void *b, long ldb, long rows, long columns, void *panel) {
  const REAL *from = b;
  REAL *to = panel;
  long k = 0;
#if LANES == 8
  // Blocks of 8 × 8, exchanged between pairs of rows at distance 1, 2 and 4.
  for (; columns >= WIDTH && k + LANES <= rows; k += LANES)
    for (int half = 0; half < WIDTH; half += LANES) {
      VECTOR r[8], s[8];
      UNROLL for (int i = 0; i < 8; i++) r[i] = *(const VECTOR *)(from + (half + i) * ldb + k);
      UNROLL for (int i = 0; i < 8; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
      }
      UNROLL for (int i = 0; i < 8; i++) if (!(i & 2)) {
        r[i] = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 2] = __builtin_shufflevector(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
      }
      UNROLL for (int i = 0; i < 4; i++) {
        *(VECTOR *)(to + (k + i) * WIDTH + half) = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(VECTOR *)(to + (k + 4 + i) * WIDTH + half) = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
      }
    }
#endif
  for (; k < rows; k++)
    for (long j = 0; j < WIDTH; j++) to[k * WIDTH + j] = j < columns ? from[j * ldb + k] : 0;
}

static const metasal_tiles NAME(tiles) = {
    WIDTH, NAME(copyPanel), NAME(transposePanel), NAME(gather), NAME(packRuns), NAME(outer),
};
#undef EACH_HEIGHT
