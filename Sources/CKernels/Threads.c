#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>

// OpenBLAS makes a thread for each processor as soon as it is loaded, and ends the process where the system refuses one. None
// of them is ever used: work is shared among threads of our own (`Crew`). It counts the processors that the process may run
// on, so while libraries are set up there is one. An environment variable would do as well, but whoever starts us does not know.

static cpu_set_t before;
static int is_narrowed;

static void narrow(int count, char **arguments, char **environment) {
  (void)count, (void)arguments, (void)environment;
  if (sched_getaffinity(0, sizeof before, &before) != 0) return;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &before)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(i, &one);
    is_narrowed = sched_setaffinity(0, sizeof one, &one) == 0;
    return;
  }
}

// Functions of this section run before the libraries', constructors of the program after them.
__attribute__((section(".preinit_array"), used)) static void (*const begin)(int, char **, char **) = narrow;

__attribute__((constructor)) static void widen(void) {
  if (is_narrowed) sched_setaffinity(0, sizeof before, &before);
}
#endif
