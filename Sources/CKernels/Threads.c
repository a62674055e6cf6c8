#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>

// OpenBLAS creates a thread per processor when it is loaded, and ends the process if the system refuses one. None of
// these threads is ever used, because the work is divided among our own threads (`Crew`). OpenBLAS counts the
// processors that the process may run on, so the process is restricted to one processor while libraries are
// initialized. An environment variable would have the same effect, but would have to be set by whoever starts the
// program.

static cpu_set_t before;
// Without `volatile` a compiler may evaluate `widen` at compile time, since C knows no code that runs before constructors:
// clang then removes it, and the program stays on one processor.
static volatile int is_narrowed;

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

// Functions in this section run before the libraries' constructors; constructors of the program run after them.
__attribute__((section(".preinit_array"), used)) static void (*const begin)(int, char **, char **) = narrow;

__attribute__((constructor)) static void widen(void) {
  if (is_narrowed) sched_setaffinity(0, sizeof before, &before);
}
#endif
