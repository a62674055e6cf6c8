#include <dnnl.h>

// Debian builds oneDNN on OpenMP, whose thread count is a setting of the calling thread. GCC's omp.h is not on
// Clang's path, so the two functions used are declared here.
void omp_set_num_threads(int count);
int omp_get_max_threads(void);
