// Winograd's transforms for one element type and one instruction set. Kernels.h says what is defined. For tiles of m ×
// m, where m is 2 or 4, patches of the image have (m + 2)² elements, those of the kernel 3² and those of the response
// m². All are transformed to (m + 2)² elements.
//
// The polynomials are evaluated at 0, ±1 and infinity for m = 2, and at 0, ±5/8, ±3/2 and infinity for m = 4. Among
// exactly representable points, the latter have the smallest rounding errors for 4 × 4 tiles: two to three times those
// of a direct sum. 2 × 2 tiles have smaller errors than a direct sum.

#define V(pointer) (*(VECTOR *)(pointer))
#define CV(pointer) (*(const VECTOR *)(pointer))

#define P ((REAL)0.625)
#define Q ((REAL)1.5)
#define PP ((REAL)0.390625)
#define QQ ((REAL)2.25)
// One over the product of a point's distances from the other points.
#define AT_0 ((REAL)(1 / (0.390625 * 2.25)))
#define AT_P ((REAL)(1 / (2 * 0.390625 * (0.390625 - 2.25))))
#define AT_Q ((REAL)(1 / (2 * 2.25 * (2.25 - 0.390625))))

INLINE int NAME(side)(const metasal_slot slot, const int m) {
  return slot == metasal_image ? m + 2 : slot == metasal_kernel ? 3 : m;
}

// Transforms one line of a patch to m + 2 numbers: Bᵀ, G and A.
INLINE void NAME(expand)(const metasal_slot slot, const int m, const VECTOR *x, VECTOR *z) {
  if (m == 2) {
    switch (slot) {
      case metasal_image:
        z[0] = x[0] - x[2]; z[1] = x[1] + x[2]; z[2] = x[2] - x[1]; z[3] = x[1] - x[3];
        break;
      case metasal_kernel: {
        const VECTOR even = (x[0] + x[2]) * (REAL)0.5, odd = x[1] * (REAL)0.5;
        z[0] = x[0]; z[1] = even + odd; z[2] = even - odd; z[3] = x[2];
        break;
      }
      case metasal_response:
        z[0] = x[0]; z[1] = x[0] + x[1]; z[2] = x[0] - x[1]; z[3] = -x[1];
        break;
    }
    return;
  }
  VECTOR even, odd;
  switch (slot) {
    case metasal_image:
      z[0] = PP * QQ * x[0] - (PP + QQ) * x[2] + x[4];
      even = x[4] - QQ * x[2]; odd = P * (x[3] - QQ * x[1]);
      z[1] = even + odd; z[2] = even - odd;
      even = x[4] - PP * x[2]; odd = Q * (x[3] - PP * x[1]);
      z[3] = even + odd; z[4] = even - odd;
      z[5] = PP * QQ * x[1] - (PP + QQ) * x[3] + x[5];
      break;
    case metasal_kernel:
      z[0] = AT_0 * x[0];
      even = AT_P * x[0] + AT_P * PP * x[2]; odd = AT_P * P * x[1];
      z[1] = even + odd; z[2] = even - odd;
      even = AT_Q * x[0] + AT_Q * QQ * x[2]; odd = AT_Q * Q * x[1];
      z[3] = even + odd; z[4] = even - odd;
      z[5] = x[2];
      break;
    case metasal_response:
      z[0] = x[0];
      even = x[0] + PP * x[2]; odd = P * (x[1] + PP * x[3]);
      z[1] = even + odd; z[2] = even - odd;
      even = x[0] + QQ * x[2]; odd = Q * (x[1] + QQ * x[3]);
      z[3] = even + odd; z[4] = even - odd;
      z[5] = x[3];
      break;
  }
}

// The adjoints, from m + 2 numbers to one line of a patch. The image is never the open slot; see WinogradPlan.swift.
INLINE void NAME(collapse)(const metasal_slot slot, const int m, const VECTOR *x, VECTOR *z) {
  if (m == 2 && slot == metasal_kernel) {
    const VECTOR half = (x[1] + x[2]) * (REAL)0.5;
    z[0] = x[0] + half; z[1] = (x[1] - x[2]) * (REAL)0.5; z[2] = half + x[3];
    return;
  }
  if (m == 2) {
    z[0] = x[0] + x[1] + x[2]; z[1] = x[1] - x[2] - x[3];
    return;
  }
  const VECTOR evenP = x[1] + x[2], oddP = x[1] - x[2], evenQ = x[3] + x[4], oddQ = x[3] - x[4];
  if (slot == metasal_kernel) {
    z[0] = AT_0 * x[0] + AT_P * evenP + AT_Q * evenQ;
    z[1] = AT_P * P * oddP + AT_Q * Q * oddQ;
    z[2] = AT_P * PP * evenP + AT_Q * QQ * evenQ + x[5];
  } else {
    z[0] = x[0] + evenP + evenQ;
    z[1] = P * oddP + Q * oddQ;
    z[2] = PP * evenP + QQ * evenQ;
    z[3] = P * PP * oddP + Q * QQ * oddQ + x[5];
  }
}
#undef P
#undef Q
#undef PP
#undef QQ
#undef AT_0
#undef AT_P
#undef AT_Q

// Computes the result row by row, so that the intermediate values fit the registers.
INLINE void NAME(expandPatch)(
    const metasal_slot slot, const int m, const REAL *const *x, long j, REAL *restrict z, long planeStride) {
  const int side = NAME(side)(slot, m), n = m + 2;
  UNROLL for (int r = 0; r < n; r++) {
    VECTOR line[4], across[6];
    UNROLL for (int c = 0; c < side; c++) {
      VECTOR column[4], down[6];
      UNROLL for (int i = 0; i < side; i++) column[i] = CV(x[i * side + c] + j);
      NAME(expand)(slot, m, column, down);
      line[c] = down[r];
    }
    NAME(expand)(slot, m, line, across);
    UNROLL for (int c = 0; c < n; c++) V(z + (r * n + c) * planeStride + j) = across[c];
  }
}

// Transforms one vector of a column of pixels; outside the image there are zeros.
INLINE void NAME(expandColumn)(
    const int m, const REAL *const *rows, const long *steps, long column, long width, VECTOR *z) {
  VECTOR x[6] = {{0}, {0}, {0}, {0}, {0}, {0}};
  if (column >= 0 && column < width)
    UNROLL for (int i = 0; i < m + 2; i++) x[i] = CV(rows[i] + column * steps[i]);
  NAME(expand)(metasal_image, m, x, z);
}

INLINE void NAME(imageToPlanesLoop)(
    const int m, const REAL *image, long height, long width, long channels, long top, long left, long first,
    long tileRows, long tileColumns, REAL *z, long planeStride) {
  const int n = m + 2;
  for (long ty = first; ty < first + tileRows; ty++, z += tileColumns * channels)
    for (long j = 0; j < channels; j += LANES) {
      const REAL *rows[6];
      long steps[6];
      UNROLL for (int i = 0; i < n; i++) {
        const long y = m * ty - top + i;
        const int isInside = y >= 0 && y < height;
        rows[i] = isInside ? image + y * width * channels + j : NAME(zeros);
        steps[i] = isInside ? channels : 0;
      }
      // Each column of pixels is transformed once, also if two tiles share it.
      VECTOR columns[6][6];
      NAME(expandColumn)(m, rows, steps, -left, width, columns[0]);
      NAME(expandColumn)(m, rows, steps, 1 - left, width, columns[1]);
      REAL *to = z + j;
      for (long t = 0; t < tileColumns; t++, to += channels) {
        UNROLL for (int c = 2; c < n; c++) NAME(expandColumn)(m, rows, steps, m * t + c - left, width, columns[c]);
        UNROLL for (int r = 0; r < n; r++) {
          VECTOR line[6], across[6];
          UNROLL for (int c = 0; c < n; c++) line[c] = columns[c][r];
          NAME(expand)(metasal_image, m, line, across);
          UNROLL for (int c = 0; c < n; c++) V(to + (r * n + c) * planeStride) = across[c];
          columns[0][r] = line[m];
          columns[1][r] = line[m + 1];
        }
      }
    }
}

INLINE void NAME(collapsePatch)(
    const metasal_slot slot, const int m, const REAL *x, long planeStride, long j, REAL *const *z, const int adds) {
  const int side = NAME(side)(slot, m), n = m + 2;
  VECTOR across[6][4];
  UNROLL for (int r = 0; r < n; r++) {
    VECTOR line[6];
    UNROLL for (int c = 0; c < n; c++) line[c] = CV(x + (r * n + c) * planeStride + j);
    NAME(collapse)(slot, m, line, across[r]);
  }
  UNROLL for (int c = 0; c < side; c++) {
    VECTOR line[6], down[4];
    UNROLL for (int r = 0; r < n; r++) line[r] = across[r][c];
    NAME(collapse)(slot, m, line, down);
    UNROLL for (int r = 0; r < side; r++) {
      REAL *const target = z[r * side + c];
      if (slot == metasal_kernel || target) V(target + j) = adds ? CV(target + j) + down[r] : down[r];
    }
  }
}

// The number of patches of the kernel that are prefetched. A patch lies in nine places that are far apart, which
// hardware prefetching does not recognize, and mostly not in the first-level cache.
#define AHEAD 6
// The number of elements in a cache line.
#define LINE ((long)(64 / sizeof(REAL)))

// Patches of the kernel are copied first if a cache line holds several vectors. The distance between their elements,
// which is the number of channels, is often such that they collide in the cache and displace each other before they are
// used again.
#define COPIES (LANES < LINE)

INLINE void NAME(toPlanesLoop)(
    const metasal_slot slot, const int m, const int32_t *offsets, long step, long distance, long items, const REAL *x,
    long columns, REAL *planes, long planeStride) {
  const int count = NAME(side)(slot, m) * NAME(side)(slot, m), copies = slot == metasal_kernel && COPIES;
  REAL copy[9 * WIDTH] __attribute__((aligned(64)));
  for (long t = 0; t < items; t++, offsets += step, x += distance, planes += columns) {
    const REAL *patch[16];
    UNROLL for (int i = 0; i < count; i++) {
      patch[i] = slot != metasal_kernel && offsets[i] < 0 ? NAME(zeros) : x + offsets[i];
      if (slot == metasal_kernel)
        for (long j = 0; j < columns; j += LINE) __builtin_prefetch(patch[i] + AHEAD * distance + j, 0, 3);
      if (!copies) continue;
      for (long j = 0; j < columns; j += LANES) V(copy + i * WIDTH + j) = CV(patch[i] + j);
      patch[i] = copy + i * WIDTH;
    }
    for (long j = 0; j < columns; j += LANES) NAME(expandPatch)(slot, m, patch, j, planes, planeStride);
  }
}

INLINE void NAME(fromPlanesLoop)(
    const metasal_slot slot, const int m, const int32_t *offsets, long step, long distance, long items,
    const REAL *planes, long planeStride, REAL *x, long columns, const int adds) {
  const int count = NAME(side)(slot, m) * NAME(side)(slot, m), copies = slot == metasal_kernel && COPIES;
  REAL copy[9 * WIDTH] __attribute__((aligned(64)));
  for (long t = 0; t < items; t++, offsets += step, x += distance, planes += columns) {
    REAL *patch[16];
    UNROLL for (int i = 0; i < count; i++) {
      patch[i] = copies ? copy + i * WIDTH : slot != metasal_kernel && offsets[i] < 0 ? 0 : x + offsets[i];
      if (slot == metasal_kernel)
        for (long j = 0; j < columns; j += LINE) __builtin_prefetch(x + offsets[i] + AHEAD * distance + j, 1, 3);
    }
    for (long j = 0; j < columns; j += LANES)
      NAME(collapsePatch)(slot, m, planes, planeStride, j, patch, adds && !copies);
    if (copies)
      UNROLL for (int i = 0; i < count; i++)
        for (long j = 0; j < columns; j += LANES) {
          const VECTOR value = CV(patch[i] + j);
          V(x + offsets[i] + j) = adds ? CV(x + offsets[i] + j) + value : value;
        }
  }
}

static void NAME(imageToPlanes)(
    int m, const void *image, long height, long width, long channels, long top, long left, long first, long tileRows,
    long tileColumns, void *planes, long planeStride) {
#define CALL(m) \
  NAME(imageToPlanesLoop)( \
      m, image, height, width, channels, top, left, first, tileRows, tileColumns, planes, planeStride)
  if (m == 2) CALL(2); else CALL(4);
#undef CALL
}

#define EACH_KIND(call) \
  if (slot == metasal_kernel && m == 2) call(metasal_kernel, 2) \
  else if (slot == metasal_kernel) call(metasal_kernel, 4) \
  else if (m == 2) call(metasal_response, 2) \
  else call(metasal_response, 4)

static void NAME(toPlanes)(
    int m, metasal_slot slot, const int32_t *offsets, long step, long distance, long items, const void *x, long columns,
    void *planes, long planeStride) {
#define CALL(slot, m) { NAME(toPlanesLoop)(slot, m, offsets, step, distance, items, x, columns, planes, planeStride); }
  EACH_KIND(CALL)
#undef CALL
}

static void NAME(fromPlanes)(
    int m, metasal_slot slot, const int32_t *offsets, long step, long distance, long items, const void *planes,
    long planeStride, void *x, long columns, int adds) {
#define CALL(slot, m)                                                                                     \
  {                                                                                                       \
    if (adds) NAME(fromPlanesLoop)(slot, m, offsets, step, distance, items, planes, planeStride, x, columns, 1); \
    else NAME(fromPlanesLoop)(slot, m, offsets, step, distance, items, planes, planeStride, x, columns, 0);      \
  }
  EACH_KIND(CALL)
#undef CALL
}
#undef EACH_KIND

// Computes tiles one below the other, each of `rows` rows: c = a · b or, if `across`, aᵀ · b. Rows of a are `lda`
// apart. Each step prefetches a cache line at `ahead` and advances it by `aheadStep` bytes.
INLINE void NAME(productTiles)(
    const int across, const int rows, const int vectors, long tiles, const REAL *a, long lda, long depth, const REAL *b,
    REAL *c, const char *ahead, long aheadStep) {
  const long row = across ? 1 : lda, step = across ? lda : 1, width = vectors * LANES;
  for (; tiles > 0; tiles--, a += rows * row, c += rows * width) {
    VECTOR sums[ROWS][2];
    UNROLL for (int m = 0; m < rows; m++) UNROLL for (int v = 0; v < vectors; v++) sums[m][v] = (VECTOR){0};
    const REAL *x[ROWS], *y = b;
    UNROLL for (int m = 0; m < rows; m++) x[m] = a + m * row;
    for (long k = 0; k < depth; k++, y += width, ahead += aheadStep) {
      VECTOR line[2];
      __builtin_prefetch(ahead, 0, 2);
      UNROLL for (int v = 0; v < vectors; v++) line[v] = CV(y + v * LANES);
      UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < vectors; v++) sums[m][v] += (across ? x[0][k * step + m] : x[m][k]) * line[v];
    }
    UNROLL for (int m = 0; m < rows; m++)
      UNROLL for (int v = 0; v < vectors; v++) V(c + m * width + v * LANES) = sums[m][v];
  }
}

#define TILE(rows, vectors)                                                                                       \
  static __attribute__((noinline)) void NAME(product##rows##x##vectors)(                                          \
      int across, long tiles, const REAL *a, long lda, long depth, const REAL *b, REAL *c, const char *ahead,      \
      long aheadStep) {                                                                                            \
    if (across) NAME(productTiles)(1, rows, vectors, tiles, a, lda, depth, b, c, ahead, aheadStep);                \
    else NAME(productTiles)(0, rows, vectors, tiles, a, lda, depth, b, c, ahead, aheadStep);                       \
  }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
EACH_NUMBER(TILES)
#undef TILES
#undef TILE

static void NAME(products)(
    long planes, int across, long rows, const void *xs, long aStride, long lda, long depth, const void *ys, long bStride, void *zs,
    long cStride, long columns, const void *next, long nextBytes) {
  // The smallest possible number of tiles, with two heights that differ by one.
  const long tiles = (rows + ROWS - 1) / ROWS, height = (rows + tiles - 1) / tiles;
  const long low = tiles * height - rows, tall = tiles - low;
  // The prefetches are spread over all steps. If there is nothing to prefetch, existing data is prefetched again, which
  // costs nothing.
  const long steps = planes * tiles * depth;
  const long aheadStep = nextBytes < 64 * steps ? (nextBytes + steps - 1) / steps : 64;
  const char *ahead = next ? next : ys;
  for (long plane = 0; plane < planes; plane++) {
    const REAL *a = (const REAL *)xs + plane * aStride, *b = (const REAL *)ys + plane * bStride;
    REAL *c = (REAL *)zs + plane * cStride;
#define CALL(rows, vectors)                                                                                       \
  (NAME(product##rows##x##vectors)(across, count, a, lda, depth, b, c, ahead, aheadStep), ahead += count * depth * aheadStep)
    long count = tall;
    switch (height) { EACH_HEIGHT(CALL) }
    a += tall * height * (across ? 1 : lda);
    c += tall * height * columns;
    count = low;
    if (low) switch (height - 1) { EACH_HEIGHT(CALL) }
#undef CALL
  }
}

static const metasal_winograd NAME(winograd) = {NAME(imageToPlanes), NAME(toPlanes), NAME(fromPlanes), NAME(products)};
#undef EACH_HEIGHT
#undef EACH_NUMBER
#undef CASE
#undef AHEAD
#undef LINE
#undef COPIES
#undef V
#undef CV
