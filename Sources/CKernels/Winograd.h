// Winograd's transforms, for one element type and one instruction set: see Kernels.h for what is defined. Patches are
// 4 × 4 of the image, 3 × 3 of the kernel, 2 × 2 of the response; all become 4 × 4.

#define V(pointer) (*(VECTOR *)(pointer))
#define CV(pointer) (*(const VECTOR *)(pointer))

INLINE int NAME(side)(const metasal_slot slot) {
  return slot == metasal_image ? 4 : slot == metasal_kernel ? 3 : 2;
}

// One line of a patch to four numbers: Bᵀ, G and A.
INLINE void NAME(expand)(const metasal_slot slot, const VECTOR *x, VECTOR *z) {
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
}

// The adjoints: four numbers to one line of a patch.
INLINE void NAME(collapse)(const metasal_slot slot, const VECTOR *x, VECTOR *z) {
  switch (slot) {
    case metasal_image: break;  // never open: see the Swift side
    case metasal_kernel: {
      const VECTOR half = (x[1] + x[2]) * (REAL)0.5;
      z[0] = x[0] + half; z[1] = (x[1] - x[2]) * (REAL)0.5; z[2] = half + x[3];
      break;
    }
    case metasal_response:
      z[0] = x[0] + x[1] + x[2]; z[1] = x[1] - x[2] - x[3];
      break;
  }
}

// Row by row of what comes of it, so that no more numbers are under way than registers hold.
INLINE void NAME(expandPatch)(
    const metasal_slot slot, const REAL *const *x, long j, REAL *z, long planeStride) {
  const int side = NAME(side)(slot);
  UNROLL for (int r = 0; r < 4; r++) {
    VECTOR line[4], across[4];
    UNROLL for (int c = 0; c < side; c++) {
      VECTOR column[4], down[4];
      UNROLL for (int i = 0; i < side; i++) column[i] = CV(x[i * side + c] + j);
      NAME(expand)(slot, column, down);
      line[c] = down[r];
    }
    NAME(expand)(slot, line, across);
    UNROLL for (int c = 0; c < 4; c++) V(z + (r * 4 + c) * planeStride + j) = across[c];
  }
}

// A vector of a column of four pixels, expanded; zeros beside the image.
INLINE void NAME(expandColumn)(const REAL *const *rows, const long *steps, long column, long width, VECTOR *z) {
  VECTOR x[4] = {{0}, {0}, {0}, {0}};
  if (column >= 0 && column < width) UNROLL for (int i = 0; i < 4; i++) x[i] = CV(rows[i] + column * steps[i]);
  NAME(expand)(metasal_image, x, z);
}

static void NAME(imageToPlanes)(
    const void *image, long height, long width, long channels, long top, long left, long first, long tileRows,
    long tileColumns, void *planes, long planeStride) {
  REAL *z = planes;
  for (long ty = first; ty < first + tileRows; ty++, z += tileColumns * channels)
    for (long j = 0; j < channels; j += LANES) {
      const REAL *rows[4];
      long steps[4];
      for (int i = 0; i < 4; i++) {
        const long y = 2 * ty - top + i;
        const int isInside = y >= 0 && y < height;
        rows[i] = isInside ? (const REAL *)image + y * width * channels + j : NAME(zeros);
        steps[i] = isInside ? channels : 0;
      }
      // Each column of pixels is expanded once, for the two tiles that share it.
      VECTOR a[4], b[4], c[4];
      NAME(expandColumn)(rows, steps, -left, width, a);
      NAME(expandColumn)(rows, steps, 1 - left, width, b);
      REAL *to = z + j;
      for (long x = 2 - left; x < 2 - left + 2 * tileColumns; x += 2, to += channels) {
        NAME(expandColumn)(rows, steps, x, width, c);
        UNROLL for (int r = 0; r < 4; r++) {
          V(to + (4 * r) * planeStride) = a[r] - c[r];
          V(to + (4 * r + 1) * planeStride) = b[r] + c[r];
          V(to + (4 * r + 2) * planeStride) = c[r] - b[r];
          a[r] = c[r];
        }
        NAME(expandColumn)(rows, steps, x + 1, width, c);
        UNROLL for (int r = 0; r < 4; r++) {
          V(to + (4 * r + 3) * planeStride) = b[r] - c[r];
          b[r] = c[r];
        }
      }
    }
}

INLINE void NAME(collapsePatch)(
    const metasal_slot slot, const REAL *x, long planeStride, long j, REAL *const *z, int adds) {
  const int side = NAME(side)(slot);
  VECTOR across[4][4];
  UNROLL for (int r = 0; r < 4; r++) {
    VECTOR line[4];
    UNROLL for (int c = 0; c < 4; c++) line[c] = CV(x + (r * 4 + c) * planeStride + j);
    NAME(collapse)(slot, line, across[r]);
  }
  UNROLL for (int c = 0; c < side; c++) {
    VECTOR line[4], down[4];
    UNROLL for (int r = 0; r < 4; r++) line[r] = across[r][c];
    NAME(collapse)(slot, line, down);
    UNROLL for (int r = 0; r < side; r++) {
      REAL *const target = z[r * side + c];
      if (target) V(target + j) = adds ? CV(target + j) + down[r] : down[r];
    }
  }
}

INLINE void NAME(toPlanesLoop)(
    const metasal_slot slot, const int32_t *offsets, long step, long distance, long items, const REAL *x, long columns,
    REAL *planes, long planeStride) {
  const int count = NAME(side)(slot) * NAME(side)(slot);
  for (long t = 0; t < items; t++, offsets += step, x += distance, planes += columns) {
    const REAL *patch[9];
    UNROLL for (int i = 0; i < count; i++) patch[i] = offsets[i] < 0 ? NAME(zeros) : x + offsets[i];
    for (long j = 0; j < columns; j += LANES) NAME(expandPatch)(slot, patch, j, planes, planeStride);
  }
}

INLINE void NAME(fromPlanesLoop)(
    const metasal_slot slot, const int32_t *offsets, long step, long distance, long items, const REAL *planes,
    long planeStride, REAL *x, long columns, int adds) {
  const int count = NAME(side)(slot) * NAME(side)(slot);
  for (long t = 0; t < items; t++, offsets += step, x += distance, planes += columns) {
    REAL *patch[9];
    UNROLL for (int i = 0; i < count; i++) patch[i] = offsets[i] < 0 ? 0 : x + offsets[i];
    for (long j = 0; j < columns; j += LANES) NAME(collapsePatch)(slot, planes, planeStride, j, patch, adds);
  }
}

static void NAME(toPlanes)(
    metasal_slot slot, const int32_t *offsets, long step, long distance, long items, const void *x, long columns,
    void *planes, long planeStride) {
#define CALL(slot) NAME(toPlanesLoop)(slot, offsets, step, distance, items, x, columns, planes, planeStride)
  if (slot == metasal_kernel) CALL(metasal_kernel); else CALL(metasal_response);
#undef CALL
}

static void NAME(fromPlanes)(
    metasal_slot slot, const int32_t *offsets, long step, long distance, long items, const void *planes,
    long planeStride, void *x, long columns, int adds) {
#define CALL(slot) NAME(fromPlanesLoop)(slot, offsets, step, distance, items, planes, planeStride, x, columns, adds)
  if (slot == metasal_kernel) CALL(metasal_kernel); else CALL(metasal_response);
#undef CALL
}

// Tiles one below the other, each of `rows` rows: c = a · b, or (across) aᵀ · b, where rows of a lie lda apart.
INLINE void NAME(productTiles)(
    const int across, const int rows, const int vectors, long tiles, const REAL *a, long lda, long depth, const REAL *b,
    REAL *c) {
  const long row = across ? 1 : lda, step = across ? lda : 1, width = vectors * LANES;
  for (; tiles > 0; tiles--, a += rows * row, c += rows * width) {
    VECTOR sums[ROWS][2];
    UNROLL for (int m = 0; m < rows; m++) UNROLL for (int v = 0; v < vectors; v++) sums[m][v] = (VECTOR){0};
    const REAL *x[ROWS], *y = b;
    UNROLL for (int m = 0; m < rows; m++) x[m] = a + m * row;
    for (long k = 0; k < depth; k++, y += width) {
      VECTOR line[2];
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
      int across, long tiles, const REAL *a, long lda, long depth, const REAL *b, REAL *c) {                       \
    if (across) NAME(productTiles)(1, rows, vectors, tiles, a, lda, depth, b, c);                                  \
    else NAME(productTiles)(0, rows, vectors, tiles, a, lda, depth, b, c);                                         \
  }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
EACH_NUMBER(TILES)
#undef TILES
#undef TILE

static void NAME(products)(
    int across, long rows, const void *xs, long aStride, long lda, long depth, const void *ys, long bStride, void *zs,
    long cStride, long columns) {
  // As few tiles as can be, of two heights that differ by one.
  const long tiles = (rows + ROWS - 1) / ROWS, height = (rows + tiles - 1) / tiles;
  const long low = tiles * height - rows, tall = tiles - low;
  for (int plane = 0; plane < 16; plane++) {
    const REAL *a = (const REAL *)xs + plane * aStride, *b = (const REAL *)ys + plane * bStride;
    REAL *c = (REAL *)zs + plane * cStride;
#define CALL(rows, vectors) NAME(product##rows##x##vectors)(across, count, a, lda, depth, b, c)
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
#undef V
#undef CV
