#include "CKernels.h"

// Vectors of 16 bytes exist wherever this compiles; where the processor has wider ones, it says so at run time.
#define REAL float
#define INTEGER int32_t
#define LANES 4
#define NAME(name) portableFloat_##name
#include "Kernels.h"

#define REAL double
#define INTEGER int64_t
#define LANES 2
#define NAME(name) portableDouble_##name
#include "Kernels.h"

#ifdef __x86_64__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define REAL float
#define INTEGER int32_t
#define LANES 8
#define NAME(name) avx2Float_##name
#include "Kernels.h"

#define REAL double
#define INTEGER int64_t
#define LANES 4
#define NAME(name) avx2Double_##name
#include "Kernels.h"
#pragma clang attribute pop

static int hasAVX2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

const metasal_kernels *metasal_kernels_float(int portable) {
  return !portable && hasAVX2() ? &avx2Float_kernels : &portableFloat_kernels;
}
const metasal_kernels *metasal_kernels_double(int portable) {
  return !portable && hasAVX2() ? &avx2Double_kernels : &portableDouble_kernels;
}
#else
const metasal_kernels *metasal_kernels_float(int portable) { return &portableFloat_kernels; }
const metasal_kernels *metasal_kernels_double(int portable) { return &portableDouble_kernels; }
#endif
