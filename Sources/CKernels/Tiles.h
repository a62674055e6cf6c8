// Tiles of up to ROWS rows by one or two vectors, for one element type and one instruction set. Kernels.h says what is
// defined.
//
// The sums fill the registers: six rows by two vectors for the sixteen registers of AVX2. Every b is used for all rows
// and every a for all vectors, so that loads keep up with the two multiply-adds per cycle.

static const REAL NAME(zeros)[METASAL_DEPTH];

INLINE void NAME(load)(const int rows, const int vectors, VECTOR sums[ROWS][2], REAL *const *c, int adds) {
  UNROLL for (int m = 0; m < rows; m++)
    UNROLL for (int v = 0; v < vectors; v++)
      sums[m][v] = adds ? *(const VECTOR *)(c[m] + v * LANES) : (VECTOR){0};
}

INLINE void NAME(store)(const int rows, const int vectors, VECTOR sums[ROWS][2], REAL *const *c) {
  UNROLL for (int m = 0; m < rows; m++)
    UNROLL for (int v = 0; v < vectors; v++) *(VECTOR *)(c[m] + v * LANES) = sums[m][v];
}

INLINE void NAME(gatherTile)(
    const int rows, const int vectors, const int32_t *tile, int segments, const REAL *a, const REAL *b, long tapStride,
    long ldb, long depth, REAL *const *c, int adds) {
  VECTOR sums[ROWS][2];
  NAME(load)(rows, vectors, sums, c, adds);
  for (int s = 0; s < segments; s++) {
    const REAL *x[ROWS];
    UNROLL for (int m = 0; m < rows; m++) x[m] = tile[1 + m] < 0 ? NAME(zeros) : a + tile[1 + m];
    const REAL *y = b + tile[0] * tapStride;
    for (long k = 0; k < depth; k++) {
      VECTOR row[2];
      UNROLL for (int v = 0; v < vectors; v++) row[v] = *(const VECTOR *)(y + v * LANES);
      UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < vectors; v++) sums[m][v] += x[m][k] * row[v];
      y += ldb;
    }
    tile += 1 + rows;
  }
  NAME(store)(rows, vectors, sums, c);
}

INLINE void NAME(outerTile)(
    const int rows, const int vectors, const int32_t *runs, long count, const REAL *a, long ka, int packed, const REAL *b,
    long ldb, REAL *const *c, int adds) {
  VECTOR sums[ROWS][2];
  NAME(load)(rows, vectors, sums, c, adds);
  const REAL *x = a;
  for (long r = 0; r < count; r++, runs += 3) {
    const REAL *y = b + runs[1] * ldb;
    if (!packed) x = a + runs[0];
    for (long k = runs[2]; k > 0; k--) {
      VECTOR row[2];
      UNROLL for (int v = 0; v < vectors; v++) row[v] = *(const VECTOR *)(y + v * LANES);
      UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < vectors; v++) sums[m][v] += x[m] * row[v];
      x += ka;
      y += ldb;
    }
  }
  NAME(store)(rows, vectors, sums, c);
}

// There is one function per number of rows and vectors, so that each keeps its sums in registers.
#define TILE(rows, vectors)                                                                                             \
  static __attribute__((noinline)) void NAME(gather##rows##x##vectors)(                                                 \
      const int32_t *tile, int segments, const REAL *a, const REAL *b, long tapStride, long ldb, long depth,            \
      REAL *const *c, int adds) {                                                                                       \
    NAME(gatherTile)(rows, vectors, tile, segments, a, b, tapStride, ldb, depth, c, adds);                              \
  }                                                                                                                     \
  static __attribute__((noinline)) void NAME(outer##rows##x##vectors)(                                                  \
      const int32_t *runs, long count, const REAL *a, long ka, int packed, const REAL *b, long ldb, REAL *const *c,     \
      int adds) {                                                                                                       \
    NAME(outerTile)(rows, vectors, runs, count, a, ka, packed, b, ldb, c, adds);                                        \
  }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
#define CASE(call, rows) \
  case rows: if (columns <= LANES) call(rows, 1); else call(rows, 2); break;
#if ROWS == 6
#define EACH_NUMBER(call) call(1) call(2) call(3) call(4) call(5) call(6)
#define EACH_HEIGHT(call) CASE(call, 1) CASE(call, 2) CASE(call, 3) CASE(call, 4) CASE(call, 5) CASE(call, 6)
#else
#define EACH_NUMBER(call) \
  call(1) call(2) call(3) call(4) call(5) call(6) call(7) call(8) call(9) call(10) call(11) call(12)
#define EACH_HEIGHT(call) \
  CASE(call, 1) CASE(call, 2) CASE(call, 3) CASE(call, 4) CASE(call, 5) CASE(call, 6) \
  CASE(call, 7) CASE(call, 8) CASE(call, 9) CASE(call, 10) CASE(call, 11) CASE(call, 12)
#endif
EACH_NUMBER(TILES)
#undef TILES
#undef TILE

// Temporary rows as long as the vectors, for rows of c that are shorter.
typedef struct {
  REAL *own[ROWS];
  REAL longer[ROWS][WIDTH];
} NAME(Remainder);

static void NAME(lengthen)(NAME(Remainder) *rest, REAL **c, long rows, long columns) {
  for (long m = 0; m < rows; m++) {
    for (long j = 0; j < WIDTH; j++) rest->longer[m][j] = j < columns ? c[m][j] : 0;
    rest->own[m] = c[m];
    c[m] = rest->longer[m];
  }
}

static void NAME(shorten)(const NAME(Remainder) *rest, long rows, long columns) {
  for (long m = 0; m < rows; m++)
    for (long j = 0; j < columns; j++) rest->own[m][j] = rest->longer[m][j];
}

static void NAME(gather)(
    const int32_t *plan, long tiles, const void *a, const void *b, long tapStride, long ldb, long depth, void *c,
    long columns, int adds) {
  const int isWhole = columns == LANES || columns == WIDTH;
  NAME(Remainder) rest;
  for (long t = 0; t < tiles; t++) {
    const int rows = plan[0], segments = plan[1];
    REAL *target[ROWS];
    plan += 2;
    for (int m = 0; m < rows; m++) target[m] = (REAL *)c + *plan++;
    if (!isWhole) NAME(lengthen)(&rest, target, rows, columns);
#define CALL(rows, vectors) NAME(gather##rows##x##vectors)(plan, segments, a, b, tapStride, ldb, depth, target, adds)
    switch (rows) { EACH_HEIGHT(CALL) }
#undef CALL
    if (!isWhole) NAME(shorten)(&rest, rows, columns);
    plan += segments * (1 + rows);
  }
}

static void NAME(outer)(
    const int32_t *runs, long count, const void *a, long ka, int packed, long rows, const void *b, long panelStride,
    long ldb, void *c, long ldc, long columns, int adds) {
  const REAL *y = b;
  NAME(Remainder) rest;
  REAL *target[ROWS];
  for (long m = 0; m < rows; m++) target[m] = (REAL *)c + m * ldc;
  for (; columns > 0; columns -= WIDTH, y += panelStride) {
    const int isWhole = columns == LANES || columns >= WIDTH;
    if (!isWhole) NAME(lengthen)(&rest, target, rows, columns);
#define CALL(rows, vectors) NAME(outer##rows##x##vectors)(runs, count, a, ka, packed, y, ldb, target, adds)
    switch (rows) { EACH_HEIGHT(CALL) }
#undef CALL
    if (!isWhole) NAME(shorten)(&rest, rows, columns);
    for (long m = 0; m < rows; m++) target[m] += WIDTH;
  }
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

static void NAME(copyPanels)(
    const void *b, long ldb, long rows, long columns, void *panels, long width, long panelStride) {
  const REAL *line = b;
  for (long k = 0; k < rows; k++, line += ldb) {
    const REAL *from = line;
    REAL *to = (REAL *)panels + k * width;
    long left = columns;
    for (; left >= width; left -= width, from += width, to += panelStride)
      for (long j = 0; j < width; j += LANES) *(VECTOR *)(to + j) = *(const VECTOR *)(from + j);
    if (left > 0)
      for (long j = 0; j < width; j++) to[j] = j < left ? from[j] : 0;
  }
}

#define BLOCK 8
#if LANES >= BLOCK
typedef REAL NAME(Block) __attribute__((vector_size(BLOCK * sizeof(REAL)), aligned(sizeof(REAL))));
#endif

static void NAME(transposePanel)(const void *b, long ldb, long rows, long columns, void *panel, long width) {
  const REAL *from = b;
  REAL *to = panel;
  long k = 0;
#if LANES >= BLOCK
  // Transposes blocks of 8 × 8 by exchanges between pairs of rows at distance 1, 2 and 4.
  for (; columns >= width && k + BLOCK <= rows; k += BLOCK)
    for (long j = 0; j < width; j += BLOCK) {
      NAME(Block) r[BLOCK], s[BLOCK];
      // Prefetches the input of the next panel.
      if (k % 16 == 0)
        UNROLL for (int i = 0; i < 8; i++) {
          __builtin_prefetch(from + (j + i) * ldb + k + 16, 0, 3);
          __builtin_prefetch(from + (width + j + i) * ldb + k, 0, 2);
        }
      UNROLL for (int i = 0; i < 8; i++) r[i] = *(const NAME(Block) *)(from + (j + i) * ldb + k);
      UNROLL for (int i = 0; i < 8; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
      }
      UNROLL for (int i = 0; i < 8; i++) if (!(i & 2)) {
        r[i] = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 2] = __builtin_shufflevector(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
      }
      UNROLL for (int i = 0; i < 4; i++) {
        *(NAME(Block) *)(to + (k + i) * width + j) =
            __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(NAME(Block) *)(to + (k + 4 + i) * width + j) =
            __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
      }
    }
#endif
  for (; k < rows; k++)
    for (long j = 0; j < width; j++) to[k * width + j] = j < columns ? from[j * ldb + k] : 0;
}
#undef BLOCK

static const metasal_tiles NAME(tiles) = {
    LANES, WIDTH, ROWS, NAME(copyPanels), NAME(transposePanel), NAME(gather), NAME(packRuns), NAME(outer),
};
