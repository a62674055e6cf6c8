// Loops over elements for one element type and one instruction set; Tiles.h says what is defined. The function to apply
// is a constant in each loop. Loops over columns handle one or two vectors at a time down all rows, so that values that
// are the same in all rows stay in registers.

#define V(pointer) (*(VECTOR *)(pointer))
#define CV(pointer) (*(const VECTOR *)(pointer))

INLINE VECTOR NAME(select)(const VECTOR value, const MASK keep) { return (VECTOR)((MASK)value & keep); }

INLINE VECTOR NAME(applyVector)(const metasal_binary f, VECTOR x, VECTOR y) {
  switch (f) {
    case metasal_add: return x + y;
    case metasal_subtract: return x - y;
    case metasal_multiply: return x * y;
    case metasal_divide: return x / y;
    case metasal_gate: return NAME(select)(x, y > 0);
  }
}

INLINE REAL NAME(apply)(const metasal_binary f, REAL x, REAL y) {
  switch (f) {
    case metasal_add: return x + y;
    case metasal_subtract: return x - y;
    case metasal_multiply: return x * y;
    case metasal_divide: return x / y;
    case metasal_gate: return y > 0 ? x : 0;
  }
}

INLINE VECTOR NAME(splat)(REAL x) { return x - (VECTOR){0}; }

INLINE void NAME(binaryLoop)(const metasal_binary f, const REAL *x, const REAL *y, REAL *z, long count) {
  long i = 0;
  for (; i + WIDTH <= count; i += WIDTH) {
    VECTOR low = NAME(applyVector)(f, CV(x + i), CV(y + i));
    VECTOR high = NAME(applyVector)(f, CV(x + i + LANES), CV(y + i + LANES));
    V(z + i) = low;
    V(z + i + LANES) = high;
  }
  for (; i < count; i++) z[i] = NAME(apply)(f, x[i], y[i]);
}

INLINE void NAME(columnsLoop)(const metasal_binary f, const REAL *x, const REAL *y, REAL *z, long rows, long columns) {
  long j = 0;
  for (; j + WIDTH <= columns; j += WIDTH) {
    const VECTOR low = CV(y + j), high = CV(y + j + LANES);
    for (long i = j; i < rows * columns; i += columns) {
      V(z + i) = NAME(applyVector)(f, CV(x + i), low);
      V(z + i + LANES) = NAME(applyVector)(f, CV(x + i + LANES), high);
    }
  }
  for (; j + LANES <= columns; j += LANES) {
    const VECTOR v = CV(y + j);
    for (long i = j; i < rows * columns; i += columns) V(z + i) = NAME(applyVector)(f, CV(x + i), v);
  }
  for (; j < columns; j++)
    for (long i = j; i < rows * columns; i += columns) z[i] = NAME(apply)(f, x[i], y[j]);
}

INLINE void NAME(rowsLoop)(const metasal_binary f, const REAL *x, const REAL *y, REAL *z, long rows, long columns) {
  for (long r = 0; r < rows; r++, x += columns, z += columns) {
    const VECTOR v = NAME(splat)(y[r]);
    long j = 0;
    for (; j + LANES <= columns; j += LANES) V(z + j) = NAME(applyVector)(f, CV(x + j), v);
    for (; j < columns; j++) z[j] = NAME(apply)(f, x[j], y[r]);
  }
}

#define EACH_FUNCTION(call) \
  case metasal_add: call(metasal_add); break; \
  case metasal_subtract: call(metasal_subtract); break; \
  case metasal_multiply: call(metasal_multiply); break; \
  case metasal_divide: call(metasal_divide); break; \
  case metasal_gate: call(metasal_gate); break;

static void NAME(binary)(metasal_binary f, const void *x, const void *y, void *z, long count) {
#define CALL(f) NAME(binaryLoop)(f, x, y, z, count)
  switch (f) { EACH_FUNCTION(CALL) }
#undef CALL
}

static void NAME(binaryColumns)(metasal_binary f, const void *x, const void *y, void *z, long rows, long columns) {
#define CALL(f) NAME(columnsLoop)(f, x, y, z, rows, columns)
  switch (f) { EACH_FUNCTION(CALL) }
#undef CALL
}

static void NAME(binaryRows)(metasal_binary f, const void *x, const void *y, void *z, long rows, long columns) {
#define CALL(f) NAME(rowsLoop)(f, x, y, z, rows, columns)
  switch (f) { EACH_FUNCTION(CALL) }
#undef CALL
}
#undef EACH_FUNCTION

INLINE REAL NAME(reciprocalOrZero)(REAL x) {
  const REAL r = 1 / x;
  return __builtin_isinf(r) ? 0 : r;
}

// This loop is simple enough for the compiler to vectorize.
static void NAME(unary)(metasal_unary f, double parameter, const void *a, void *out, long count) {
  const REAL *x = a, p = (REAL)parameter;
  REAL *__restrict z = out;
#define LOOP(expression) for (long i = 0; i < count; i++) z[i] = expression; break
  switch (f) {
    case metasal_scale: LOOP(x[i] * p);
    case metasal_shift: LOOP(x[i] + p);
    case metasal_relu: LOOP(x[i] < 0 ? 0 : x[i]);
    case metasal_sign: LOOP((REAL)((x[i] > 0) - (x[i] < 0)));
    case metasal_reciprocal_or_zero: LOOP(NAME(reciprocalOrZero)(x[i]));
    case metasal_sqrt: LOOP(__builtin_elementwise_sqrt(x[i]));
  }
#undef LOOP
}

static void NAME(addScaled)(const void *a, const void *b, double factor, void *out, long count) {
  const REAL *x = a, *y = b, p = (REAL)factor;
  REAL *z = out;
  long i = 0;
  for (; i + LANES <= count; i += LANES) V(z + i) = CV(x + i) + p * CV(y + i);
  for (; i < count; i++) z[i] = x[i] + p * y[i];
}

// Sums one or two vectors of columns. Four sums are kept side by side, because an addition's latency is several times
// the interval at which additions can start.
INLINE void NAME(sumVectors)(
    const int vectors, const int multiplies, const REAL *x, const REAL *center, const REAL *y, REAL *z, long rows,
    long distance) {
  const int step = 4 / vectors;
  VECTOR centers[2] = {{0}, {0}}, totals[2] = {{0}, {0}};
  if (center) UNROLL for (int v = 0; v < vectors; v++) centers[v] = CV(center + v * LANES);
#define TERM(row, v) \
  (multiplies ? (CV(x + (row) * distance + v * LANES) - centers[v]) * CV(y + (row) * distance + v * LANES) \
              : CV(x + (row) * distance + v * LANES))
  for (long block = 0; block < rows; block += METASAL_SUM_BLOCK) {
    const long end = rows - block < METASAL_SUM_BLOCK ? rows : block + METASAL_SUM_BLOCK;
    VECTOR sums[4] = {{0}, {0}, {0}, {0}};
    long i = block;
    for (; i + step <= end; i += step)
      UNROLL for (int r = 0; r < step; r++)
        UNROLL for (int v = 0; v < vectors; v++) sums[r * vectors + v] += TERM(i + r, v);
    for (; i < end; i++) UNROLL for (int v = 0; v < vectors; v++) sums[v] += TERM(i, v);
    UNROLL for (int k = vectors; k < 4; k++) sums[k % vectors] += sums[k];
    UNROLL for (int v = 0; v < vectors; v++) totals[v] += sums[v];
  }
#undef TERM
  UNROLL for (int v = 0; v < vectors; v++) V(z + v * LANES) = totals[v];
}

INLINE void NAME(sumColumnsLoop)(
    const int multiplies, const REAL *x, const REAL *center, const REAL *y, REAL *z, long rows, long distance,
    long columns) {
  long j = 0;
  for (; j + WIDTH <= columns; j += WIDTH)
    NAME(sumVectors)(2, multiplies, x + j, center ? center + j : 0, y + j, z + j, rows, distance);
  for (; j + LANES <= columns; j += LANES)
    NAME(sumVectors)(1, multiplies, x + j, center ? center + j : 0, y + j, z + j, rows, distance);
  for (; j < columns; j++) {
    const REAL a = center ? center[j] : 0;
    z[j] = 0;
    for (long block = 0; block < rows; block += METASAL_SUM_BLOCK) {
      const long end = rows - block < METASAL_SUM_BLOCK ? rows : block + METASAL_SUM_BLOCK;
      REAL s = 0;
      for (long i = block * distance + j; i < end * distance; i += distance)
        s += multiplies ? (x[i] - a) * y[i] : x[i];
      z[j] += s;
    }
  }
}

static void NAME(sumColumns)(
    const void *x, const void *center, const void *y, void *z, long rows, long distance, long columns) {
  if (y) NAME(sumColumnsLoop)(1, x, center, y, z, rows, distance, columns);
  else NAME(sumColumnsLoop)(0, x, 0, x, z, rows, distance, columns);
}

INLINE void NAME(sumRowsLoop)(const int multiplies, const REAL *x, const REAL *y, REAL *z, long rows, long columns) {
  for (long r = 0; r < rows; r++, x += columns, y += columns) {
    VECTOR s = {0}, t = {0};
    long j = 0;
    for (; j + WIDTH <= columns; j += WIDTH) {
      s += multiplies ? CV(x + j) * CV(y + j) : CV(x + j);
      t += multiplies ? CV(x + j + LANES) * CV(y + j + LANES) : CV(x + j + LANES);
    }
    for (; j + LANES <= columns; j += LANES) s += multiplies ? CV(x + j) * CV(y + j) : CV(x + j);
    s += t;
    REAL sum = 0;
    for (; j < columns; j++) sum += multiplies ? x[j] * y[j] : x[j];
    UNROLL for (int lane = 0; lane < LANES; lane++) sum += s[lane];
    z[r] = sum;
  }
}

static void NAME(sumRows)(const void *x, const void *y, void *z, long rows, long columns) {
  if (y) NAME(sumRowsLoop)(1, x, y, z, rows, columns);
  else NAME(sumRowsLoop)(0, x, x, z, rows, columns);
}

// Standardizes one or two vectors of columns, as in the functions below.
INLINE void NAME(standardizeVectors)(
    const int vectors, const int adds, const int relu, const REAL *x, const REAL *center, const REAL *scale,
    const REAL *shift, const REAL *residual, REAL *z, long size, long columns) {
  VECTOR c[2] = {{0}, {0}}, s[2], b[2] = {{0}, {0}};
  UNROLL for (int v = 0; v < vectors; v++) {
    s[v] = CV(scale + v * LANES);
    if (center) c[v] = CV(center + v * LANES);
    if (shift) b[v] = CV(shift + v * LANES);
  }
  for (long i = 0; i < size; i += columns)
    UNROLL for (int v = 0; v < vectors; v++) {
      VECTOR value = (CV(x + i + v * LANES) - c[v]) * s[v] + b[v];
      if (adds) value += CV(residual + i + v * LANES);
      V(z + i + v * LANES) = relu ? NAME(select)(value, ~(value < 0)) : value;
    }
}

INLINE void NAME(standardizeLoop)(
    const int adds, const int relu, const REAL *x, const REAL *center, const REAL *scale, const REAL *shift,
    const REAL *residual, REAL *z, long rows, long columns) {
  const long size = rows * columns;
  long j = 0;
#define CALL(vectors) \
  NAME(standardizeVectors)( \
      vectors, adds, relu, x + j, center ? center + j : 0, scale + j, shift ? shift + j : 0, \
      residual ? residual + j : 0, z + j, size - j, columns)
  for (; j + WIDTH <= columns; j += WIDTH) CALL(2);
  for (; j + LANES <= columns; j += LANES) CALL(1);
#undef CALL
  for (; j < columns; j++)
    for (long i = j; i < size; i += columns) {
      REAL value = (x[i] - (center ? center[j] : 0)) * scale[j] + (shift ? shift[j] : 0);
      if (adds) value += residual[i];
      z[i] = relu && value < 0 ? 0 : value;
    }
}

static void NAME(standardize)(
    const void *x, const void *center, const void *scale, const void *shift, const void *residual, int relu, void *z,
    long rows, long columns) {
  if (residual && relu) NAME(standardizeLoop)(1, 1, x, center, scale, shift, residual, z, rows, columns);
  else if (residual) NAME(standardizeLoop)(1, 0, x, center, scale, shift, residual, z, rows, columns);
  else if (relu) NAME(standardizeLoop)(0, 1, x, center, scale, shift, residual, z, rows, columns);
  else NAME(standardizeLoop)(0, 0, x, center, scale, shift, residual, z, rows, columns);
}

static void NAME(maxima)(
    const void *xs, const int32_t *offsets, long count, void *zs, int32_t *places, long columns) {
  const REAL *x = xs;
  REAL *z = zs;
  long j = 0;
  for (; j + LANES <= columns; j += LANES) {
    VECTOR best = CV(x + offsets[0] + j);
    MASK place = (MASK){0} + (INTEGER)offsets[0];
    for (long k = 1; k < count; k++) {
      const VECTOR value = CV(x + offsets[k] + j);
      const MASK larger = value > best;
      best = (VECTOR)(((MASK)value & larger) | ((MASK)best & ~larger));
      place = (((MASK){0} + (INTEGER)offsets[k]) & larger) | (place & ~larger);
    }
    V(z + j) = best;
    UNROLL for (int lane = 0; lane < LANES; lane++) places[j + lane] = (int32_t)place[lane] + (int32_t)(j + lane);
  }
  for (; j < columns; j++) {
    int32_t place = offsets[0];
    for (long k = 1; k < count; k++) if (x[offsets[k] + j] > x[place + j]) place = offsets[k];
    z[j] = x[place + j];
    places[j] = place + (int32_t)j;
  }
}

static const metasal_loops NAME(loops) = {
    NAME(binary), NAME(binaryColumns), NAME(binaryRows), NAME(unary), NAME(addScaled), NAME(sumColumns), NAME(sumRows),
    NAME(standardize), NAME(maxima),
};
#undef V
#undef CV
