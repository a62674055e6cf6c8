#include "CKernels.h"

// 16-byte vectors exist wherever this compiles. Wider vectors are used if the processor reports them at run time.
#define REAL float
#define INTEGER int32_t
#define LANES 4
#define ROWS 6
#define NAME(name) portableFloat_##name
#include "Kernels.h"

#define REAL double
#define INTEGER int64_t
#define LANES 2
#define ROWS 6
#define NAME(name) portableDouble_##name
#include "Kernels.h"

#ifdef __x86_64__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define REAL float
#define INTEGER int32_t
#define LANES 8
#define ROWS 6
#define NAME(name) avx2Float_##name
#include "Kernels.h"

#define REAL double
#define INTEGER int64_t
#define LANES 4
#define ROWS 6
#define NAME(name) avx2Double_##name
#include "Kernels.h"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#define REAL float
#define INTEGER int32_t
#define LANES 16
#define ROWS 12
#define NAME(name) avx512Float_##name
#include "Kernels.h"

#define REAL double
#define INTEGER int64_t
#define LANES 8
#define ROWS 12
#define NAME(name) avx512Double_##name
#include "Kernels.h"
#pragma clang attribute pop

metasal_instructions metasal_best_instructions(void) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return metasal_portable;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")
          && __builtin_cpu_supports("avx512dq")
      ? metasal_avx512 : metasal_avx2;
}

const metasal_kernels *metasal_kernels_float(metasal_instructions instructions) {
  switch (instructions) {
    case metasal_portable: return &portableFloat_kernels;
    case metasal_avx2: return &avx2Float_kernels;
    case metasal_avx512: return &avx512Float_kernels;
  }
}
const metasal_kernels *metasal_kernels_double(metasal_instructions instructions) {
  switch (instructions) {
    case metasal_portable: return &portableDouble_kernels;
    case metasal_avx2: return &avx2Double_kernels;
    case metasal_avx512: return &avx512Double_kernels;
  }
}
#else
metasal_instructions metasal_best_instructions(void) { return metasal_portable; }
const metasal_kernels *metasal_kernels_float(metasal_instructions instructions) { return &portableFloat_kernels; }
const metasal_kernels *metasal_kernels_double(metasal_instructions instructions) { return &portableDouble_kernels; }
#endif
