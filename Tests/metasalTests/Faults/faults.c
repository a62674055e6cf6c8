// A library for LD_PRELOAD. It counts the calls by which a program writes below a folder, and makes one of them fail.
// These environment variables control it:
//   METASAL_FAULT_FOLDER  the folder, without links
//   METASAL_FAULT_LOG     a file outside of it, to which each call's number, name and path are appended
//   METASAL_FAULT_AT      the number, from 1, of the call that fails; 0 for none
//   METASAL_FAULT_ERROR   the errno of the failing call; 0 for a short write of half of the bytes, as on a disk that fills up
// Writes inside the C library, as for a FILE, are not counted; metasal makes none below the folder.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static long setting(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

static int is_below(const char *path) {
  const char *folder = getenv("METASAL_FAULT_FOLDER");
  size_t count = folder ? strlen(folder) : 0;
  return count > 0 && strncmp(path, folder, count) == 0 && (path[count] == '/' || path[count] == 0);
}

// Counts and logs a call, and returns whether it is the one to fail.
static int is_chosen(const char *name, const char *path) {
  long number = atomic_fetch_add(&calls, 1) + 1;
  char line[PATH_MAX + 64];
  int count = snprintf(line, sizeof line, "%ld %s %s\n", number, name, path);
  long log = syscall(SYS_openat, AT_FDCWD, getenv("METASAL_FAULT_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0666);
  if (log >= 0) {
    syscall(SYS_write, log, line, count);
    syscall(SYS_close, log);
  }
  return number == setting("METASAL_FAULT_AT");
}

// Does the same for a call on an open file. Files that are open only for reading do not count, except folders that are
// synced.
static int is_chosen_file(const char *name, int file, int only_writing) {
  int kept = errno;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t count = readlink(link, path, sizeof path - 1);
  int chosen = 0;
  if (count > 0) {
    path[count] = 0;
    int is_writing = (fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY;
    if ((is_writing || !only_writing) && is_below(path)) chosen = is_chosen(name, path);
  }
  errno = kept;
  return chosen;
}

static int is_chosen_path(const char *name, const char *path) {
  char folder[PATH_MAX], real[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
  return realpath(folder, real) && is_below(real) && is_chosen(name, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int refused(void) {
  errno = (int)setting("METASAL_FAULT_ERROR");
  return errno != 0;
}

#define TRANSFER(name, parameters, arguments, shortened)         \
  ssize_t name parameters {                                      \
    if (!is_chosen_file(#name, file, 1)) return REAL(name) arguments; \
    return refused() ? -1 : REAL(name) shortened;                \
  }

TRANSFER(write, (int file, const void *bytes, size_t count), (file, bytes, count), (file, bytes, (count + 1) / 2))
TRANSFER(pwrite, (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at),
         (file, bytes, (count + 1) / 2, at))
TRANSFER(pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at),
         (file, bytes, (count + 1) / 2, at))
TRANSFER(writev, (int file, const struct iovec *parts, int count), (file, parts, count), (file, parts, (count + 1) / 2))
TRANSFER(pwritev, (int file, const struct iovec *parts, int count, off_t at), (file, parts, count, at),
         (file, parts, (count + 1) / 2, at))

#define REFUSAL(name, parameters, arguments, chosen) \
  int name parameters {                              \
    if (chosen && refused()) return -1;              \
    return REAL(name) arguments;                     \
  }

REFUSAL(fsync, (int file), (file), is_chosen_file("fsync", file, 0))
REFUSAL(fdatasync, (int file), (file), is_chosen_file("fdatasync", file, 0))
REFUSAL(ftruncate, (int file, off_t size), (file, size), is_chosen_file("ftruncate", file, 1))
REFUSAL(ftruncate64, (int file, off64_t size), (file, size), is_chosen_file("ftruncate64", file, 1))
REFUSAL(rename, (const char *from, const char *to), (from, to), is_chosen_path("rename", to))
REFUSAL(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), is_chosen_path("renameat", to))

// The file is closed even if the call reports a failure.
int close(int file) {
  int chosen = is_chosen_file("close", file, 1);
  int result = REAL(close)(file);
  return chosen && refused() ? -1 : result;
}
