#include "CKernels.h"

// Vectors of 16 bytes exist everywhere that this compiles; where the processor has wider ones, it says so at run time.
#define REAL float
#define LANES 4
#define NAME(name) portableFloat_##name
#include "Tiles.h"
#undef REAL
#undef LANES
#undef NAME

#define REAL double
#define LANES 2
#define NAME(name) portableDouble_##name
#include "Tiles.h"
#undef REAL
#undef LANES
#undef NAME

#ifdef __x86_64__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define REAL float
#define LANES 8
#define NAME(name) avx2Float_##name
#include "Tiles.h"
#undef REAL
#undef LANES
#undef NAME

#define REAL double
#define LANES 4
#define NAME(name) avx2Double_##name
#include "Tiles.h"
#undef REAL
#undef LANES
#undef NAME
#pragma clang attribute pop

static int hasAVX2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
const metasal_tiles *metasal_tiles_float(int portable) {
  return !portable && hasAVX2() ? &avx2Float_tiles : &portableFloat_tiles;
}
const metasal_tiles *metasal_tiles_double(int portable) {
  return !portable && hasAVX2() ? &avx2Double_tiles : &portableDouble_tiles;
}
#else
const metasal_tiles *metasal_tiles_float(int portable) { return &portableFloat_tiles; }
const metasal_tiles *metasal_tiles_double(int portable) { return &portableDouble_tiles; }
#endif
