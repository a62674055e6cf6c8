#define _GNU_SOURCE
#include "Reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The file descriptor of the socket in the child process.
enum { connection = 3 };

// MARK: Talking

// Ends the child when the parent has gone or a request cannot be served. It runs no cleanup, because the library's
// state is a copy of the parent's, which may have files open.
void reader_end(void) { _exit(1); }

void reader_receive(void *bytes, size_t count) {
  for (size_t done = 0; done < count;) {
    ssize_t n = recv(connection, (char *)bytes + done, count - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) reader_end();
    done += n;
  }
}

static void send_all(const void *bytes, size_t count) {
  for (size_t done = 0; done < count;) {
    ssize_t n = send(connection, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) reader_end();
    done += n;
  }
}

void reader_answer(int64_t status, const void *bytes, size_t count) {
  metasal_hdf5_answer head = {status, count};
  send_all(&head, sizeof head);
  send_all(bytes, count);
}

// MARK: Limits

static void limit(int resource, uint64_t value) {
  struct rlimit limits;
  if (getrlimit(resource, &limits) < 0) return;
  limits.rlim_cur = value < limits.rlim_max ? value : limits.rlim_max;
  setrlimit(resource, &limits);
}

// Sets limits relative to the present use, since the child begins with the parent's whole address space.
static void limit_all(metasal_hdf5_limits limits) {
  struct timespec used = {0};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  limit(RLIMIT_CPU, used.tv_sec + 1 + limits.seconds);
  char text[64] = {0};
  int statm = open("/proc/self/statm", O_RDONLY);
  if (statm < 0) return;
  if (read(statm, text, sizeof text - 1) > 0) {
    limit(RLIMIT_AS, strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) + limits.bytes);
  }
  close(statm);
}

// MARK: The process

// Resets signal handlers, signal masks and file descriptors, so that the child shares only memory with the parent.
static void settle(int socket) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
  // Signals from the terminal reach the child too. They are ignored, because the parent may first finish work for which
  // it needs the child.
  action.sa_handler = SIG_IGN;
  for (int i = 0; i < 3; i++) sigaction((int[]){SIGINT, SIGTERM, SIGHUP}[i], &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);

  int aside = fcntl(socket, F_DUPFD, connection);
  if (aside < 0 || dup2(aside, connection) < 0) reader_end();
  int nothing = open("/dev/null", O_RDWR);
  for (int i = 0; i < connection; i++) dup2(nothing, i);
  closefrom(connection + 1);
  limit(RLIMIT_CORE, 0);
}

static void serve(const char *path, metasal_hdf5_limits limits) {
  limit_all(limits);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  // Links to other files are disabled: an untrusted file must not open other files, which may be FIFOs or secret.
  H5Lunregister(H5L_TYPE_EXTERNAL);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  reader_answer(file < 0 ? METASAL_HDF5_UNREADABLE : METASAL_HDF5_DONE, NULL, 0);
  for (;;) {
    metasal_hdf5_request request;
    reader_receive(&request, sizeof request);
    limit_all(request.limits);
    switch (request.what) {
    case METASAL_HDF5_NAMES: reader_answer_names(file); break;
    case METASAL_HDF5_ATTRIBUTES: reader_answer_attributes(file); break;
    case METASAL_HDF5_DESCRIBE: reader_answer_set(file, &request); break;
    case METASAL_HDF5_TEXTS: reader_answer_texts(file, &request); break;
    case METASAL_HDF5_READ: reader_answer_rows(file, &request); break;
    default: reader_end();
    }
  }
}

int metasal_hdf5_start(const char *path, metasal_hdf5_limits limits, pid_t *process) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -1;
  // All signals are blocked so that no handler of the parent runs in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  *process = fork();
  if (*process == 0) {
    settle(ends[1]);
    serve(path, limits);
  }
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
  if (*process > 0) return ends[0];
  close(ends[0]);
  errno = error;
  return -1;
}

int metasal_hdf5_wait(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return 0;
  }
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
