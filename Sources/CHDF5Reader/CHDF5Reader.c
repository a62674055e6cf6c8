#define _GNU_SOURCE
#include "CHDF5Reader.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { connection = 3, most_attributes = 1000, longest_name = 1024 };
// Groups in groups are walked by recursion.
enum { deepest_path = 64 };

// MARK: Talking

// The other side is gone, or what is asked cannot be done; nothing is tidied up, since the library's state is a copy of the
// other process's, which may have files open.
static void end(void) { _exit(1); }

static void receive(void *bytes, size_t count) {
  for (size_t done = 0; done < count;) {
    ssize_t n = recv(connection, (char *)bytes + done, count - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) end();
    done += n;
  }
}

static void send_all(const void *bytes, size_t count) {
  for (size_t done = 0; done < count;) {
    ssize_t n = send(connection, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) end();
    done += n;
  }
}

static void answer(int64_t status, const void *bytes, size_t count) {
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

// Limits what is taken from now on: the process begins with all of the other's address space.
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

// MARK: Names and attributes

typedef struct {
  char *bytes;
  size_t count, room;
} list;

// Appends a text and its zero.
static void append(list *list, const char *text) {
  size_t count = strlen(text) + 1;
  if (count > METASAL_HDF5_LONGEST - list->count) end();
  if (list->room - list->count < count) {
    list->room = 2 * list->room + count;
    list->bytes = realloc(list->bytes, list->room);
    if (!list->bytes) end();
  }
  memcpy(list->bytes + list->count, text, count);
  list->count += count;
}

static herr_t note(hid_t root, const char *name, const H5O_info_t *information, void *names) {
  (void)root;
  int depth = 0;
  for (const char *c = name; *c; c++) depth += *c == '/';
  if (depth >= deepest_path) return -1;
  if (information->type == H5O_TYPE_DATASET) append(names, name);
  return 0;
}

static herr_t find_outward(hid_t group, const char *name, const H5L_info_t *information, void *link) {
  (void)group;
  if (information->type < H5L_TYPE_UD_MIN) return 0;
  append(link, name);
  return 1;
}

// Whether a name leads to another file: it, or what stands before a slash in it, is such a link.
static int leads_elsewhere(hid_t file, const char *name) {
  char *part = strdup(name);
  if (!part) end();
  int leads = 0;
  for (char *c = part;; c++) {
    if (*c && *c != '/') continue;
    char kept = *c;
    *c = 0;
    H5L_info_t information;
    if (c > part) {
      if (H5Lget_info(file, part, &information, H5P_DEFAULT) < 0) break;
      leads = information.type >= H5L_TYPE_UD_MIN;
    }
    *c = kept;
    if (!kept || leads) break;
  }
  free(part);
  return leads;
}

static void answer_names(hid_t file) {
  list names = {0};
  if (H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, find_outward, &names) > 0) {
    answer(METASAL_HDF5_ELSEWHERE, names.bytes, names.count);
    free(names.bytes);
    return;
  }
  herr_t status = H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, note, &names, H5O_INFO_BASIC);
  answer(status < 0 ? METASAL_HDF5_UNREADABLE : METASAL_HDF5_DONE, names.bytes, names.count);
  free(names.bytes);
}

static herr_t read_texts(hid_t object, hid_t type, void *buffer) {
  return H5Iget_type(object) == H5I_ATTR ? H5Aread(object, type, buffer)
                                         : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer);
}

// Appends a text to lines, as one: breaks in it become blanks.
static void append_line(list *lines, const char *text, size_t length) {
  char *line = calloc(1, length + 1);
  if (!line) end();
  memcpy(line, text, length);
  for (char *c = line; *c; c++)
    if (*c == '\n' || *c == '\r') *c = ' ';
  append(lines, line);
  lines->bytes[lines->count - 1] = '\n';
  free(line);
}

// Appends so many texts, a line for each, or a single text as it is. False if they cannot be read.
static int append_texts(list *lines, hid_t object, hid_t type, hid_t space, size_t count) {
  int is_variable = H5Tis_variable_str(type) > 0, is_read;
  size_t size = is_variable ? sizeof(char *) : H5Tget_size(type);
  if (count == 0 || size == 0 || count > METASAL_HDF5_LONGEST / size) return 0;
  char *texts = calloc(count, size);
  if (!texts) end();
  is_read = read_texts(object, type, texts) >= 0;
  for (size_t i = 0; is_read && i < count; i++) {
    const char *text = is_variable ? ((char **)texts)[i] : texts + i * size;
    size_t length = !text ? 0 : is_variable ? strlen(text) : strnlen(text, size);
    if (count > 1 || !text) {
      append_line(lines, text ? text : "", length);
    } else {
      char *whole = strndup(text, length);
      if (!whole) end();
      append(lines, whole);
      lines->count--;
      free(whole);
    }
  }
  if (is_read && is_variable) H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
  free(texts);
  return is_read;
}

// The texts of an attribute or a data set of texts of either kind, of fixed or of variable length, to be freed; NULL if it is
// none, or cannot be read.
static char *texts_of(hid_t object) {
  int is_attribute = H5Iget_type(object) == H5I_ATTR;
  hid_t type = is_attribute ? H5Aget_type(object) : H5Dget_type(object);
  hid_t space = is_attribute ? H5Aget_space(object) : H5Dget_space(object);
  hssize_t count = H5Sget_simple_extent_npoints(space);
  list lines = {0};
  int are_texts = H5Tget_class(type) == H5T_STRING && count > 0 && append_texts(&lines, object, type, space, count);
  H5Sclose(space);
  H5Tclose(type);
  if (!are_texts) {
    free(lines.bytes);
    return NULL;
  }
  append(&lines, "");
  return lines.bytes;
}

static void answer_attributes(hid_t file) {
  list texts = {0};
  H5O_info_t information;
  int64_t status = METASAL_HDF5_DONE;
  if (H5Oget_info2(file, &information, H5O_INFO_NUM_ATTRS) < 0) {
    status = METASAL_HDF5_UNREADABLE;
    information.num_attrs = 0;
  }
  for (hsize_t i = 0; i < information.num_attrs && i < most_attributes; i++) {
    hid_t attribute = H5Aopen_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0) {
      status = (int64_t)i + 1;
      break;
    }
    char name[longest_name] = {0};
    char *text = H5Aget_name(attribute, sizeof name, name) >= 0 ? texts_of(attribute) : NULL;
    if (text) {
      append(&texts, name);
      append(&texts, text);
      free(text);
    }
    H5Aclose(attribute);
  }
  answer(status, texts.bytes, texts.count);
  free(texts.bytes);
}

// MARK: Data sets

static void find_missing_filter(hid_t settings, metasal_hdf5_set *set) {
  set->missing_filter = -1;
  for (int i = 0; i < set->filters; i++) {
    unsigned flags = 0, configuration = 0;
    size_t count = 0;
    H5Z_filter_t filter = H5Pget_filter2(
        settings, i, &flags, &count, NULL, sizeof set->missing_name - 1, set->missing_name, &configuration);
    if (filter >= 0 && H5Zfilter_avail(filter) <= 0) {
      set->missing_filter = filter;
      return;
    }
  }
}

static metasal_hdf5_set describe(hid_t opened) {
  metasal_hdf5_set set = {0};
  hid_t settings = H5Dget_create_plist(opened);
  // Even the shape of such a one may stand in another file.
  set.is_elsewhere = H5Pget_layout(settings) == H5D_VIRTUAL || H5Pget_external_count(settings) != 0;
  hid_t type = H5Dget_type(opened);
  set.kind = H5Tget_class(type);
  set.element_size = H5Tget_size(type);
  if (set.is_elsewhere) {
    H5Pclose(settings);
    H5Tclose(type);
    return set;
  }
  hid_t space = H5Dget_space(opened);
  // What has no elements at all is passed over, as types that are not read are.
  if (H5Sget_simple_extent_type(space) == H5S_NULL) set.kind = H5T_NO_CLASS;
  set.filters = H5Pget_nfilters(settings);
  find_missing_filter(settings, &set);
  set.rank = H5Sget_simple_extent_ndims(space);
  H5Sget_simple_extent_dims(space, (hsize_t *)set.shape, NULL);
  if (H5Pget_layout(settings) == H5D_CHUNKED) {
    set.chunk_rank = H5Pget_chunk(settings, 32, (hsize_t *)set.chunk);
    hsize_t chunks = 0;
    if (H5Dget_num_chunks(opened, space, &chunks) >= 0) set.chunks = chunks;
  }
  set.stored = H5Dget_storage_size(opened);
  H5Pclose(settings);
  H5Sclose(space);
  H5Tclose(type);
  return set;
}

// The data set whose name is received, open; negative if that fails. The last one stays open, since rows of one are mostly
// asked for one after another.
static hid_t receive_set(hid_t file, const metasal_hdf5_request *request, char **name) {
  static char *last_name;
  static hid_t last = -1;
  *name = request->name_bytes <= METASAL_HDF5_LONGEST ? calloc(1, request->name_bytes + 1) : NULL;
  if (!*name) end();
  receive(*name, request->name_bytes);
  if (last < 0 || strcmp(*name, last_name) != 0) {
    if (last >= 0) H5Dclose(last);
    last = H5Dopen2(file, *name, H5P_DEFAULT);
    free(last_name);
    last_name = strdup(*name);
    if (!last_name) end();
  }
  return last;
}

static void answer_set(hid_t file, const metasal_hdf5_request *request) {
  char *name;
  hid_t opened = receive_set(file, request, &name);
  if (opened >= 0) {
    metasal_hdf5_set set = describe(opened);
    answer(METASAL_HDF5_DONE, &set, sizeof set);
  } else {
    answer(leads_elsewhere(file, name)                       ? METASAL_HDF5_ELSEWHERE
           : H5Lexists(file, name, H5P_DEFAULT) > 0 ? METASAL_HDF5_UNREADABLE
                                                             : METASAL_HDF5_ABSENT,
           NULL, 0);
  }
  free(name);
}

static void answer_texts(hid_t file, const metasal_hdf5_request *request) {
  char *name;
  hid_t opened = receive_set(file, request, &name);
  free(name);
  char *texts = opened >= 0 ? texts_of(opened) : NULL;
  answer(texts ? METASAL_HDF5_DONE : METASAL_HDF5_UNREADABLE, texts, texts ? strlen(texts) + 1 : 0);
  free(texts);
}

static hid_t element_type(int32_t element, size_t *size) {
  *size = element == METASAL_HDF5_UINT8 ? 1 : element == METASAL_HDF5_FLOAT ? 4 : 8;
  return element == METASAL_HDF5_UINT8   ? H5T_NATIVE_UINT8
         : element == METASAL_HDF5_INT64 ? H5T_NATIVE_INT64
         : element == METASAL_HDF5_FLOAT ? H5T_NATIVE_FLOAT
                                         : H5T_NATIVE_DOUBLE;
}

// Reads the rows into a buffer; false if there are none such, or they are unreadable.
static int read_rows(hid_t opened, const metasal_hdf5_request *request, void *buffer) {
  size_t bytes;
  hid_t type = element_type(request->element, &bytes);
  hid_t space = H5Dget_space(opened);
  hsize_t shape[32] = {1}, start[32] = {request->first};
  int rank = H5Sget_simple_extent_dims(space, shape, NULL);
  int are_there = rank >= 0 && request->first <= shape[0] && request->rows <= shape[0] - request->first;
  int are_all = request->rows == shape[0];
  shape[0] = request->rows;
  for (int i = 0; i < (rank > 1 ? rank : 1); i++) are_there &= !__builtin_mul_overflow(bytes, shape[i], &bytes);
  are_there &= bytes == request->bytes;
  if (are_there && bytes > 0) {
    hid_t memory = are_all ? H5S_ALL : H5Screate_simple(rank, shape, NULL);
    hid_t chosen = are_all ? H5S_ALL : space;
    are_there = (are_all || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, shape, NULL) >= 0)
                && H5Dread(opened, type, memory, chosen, H5P_DEFAULT, buffer) >= 0;
    if (!are_all) H5Sclose(memory);
  }
  H5Sclose(space);
  return are_there;
}

// Zeros: the library leaves elements that were never written as they are, if the file asks for it. The memory is used again, in
// large pages where the system has them, since faults on fresh memory take longer than all that is done with it.
static void *zeros(size_t bytes) {
  static void *memory;
  static size_t room;
  const size_t page = 2 << 20;
  if (bytes > room) {
    free(memory);
    room = (bytes + page - 1) / page * page;
    memory = aligned_alloc(page, room);
    if (!memory) end();
    madvise(memory, room, MADV_HUGEPAGE);
  }
  return memset(memory, 0, bytes);
}

static void answer_rows(hid_t file, const metasal_hdf5_request *request) {
  char *name;
  hid_t opened = receive_set(file, request, &name);
  free(name);
  void *buffer = zeros(request->bytes + 1);
  int is_read = opened >= 0 && read_rows(opened, request, buffer);
  answer(is_read ? METASAL_HDF5_DONE : METASAL_HDF5_UNREADABLE, buffer, is_read ? request->bytes : 0);
}

// MARK: The process

// Keeps nothing of the other process but its memory: handlers, masks and files are its own.
static void settle(int socket) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
  // The terminal's signals reach it too. The other process may finish something first, and needs it for that.
  action.sa_handler = SIG_IGN;
  for (int i = 0; i < 3; i++) sigaction((int[]){SIGINT, SIGTERM, SIGHUP}[i], &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);

  int aside = fcntl(socket, F_DUPFD, connection);
  if (aside < 0 || dup2(aside, connection) < 0) end();
  int nothing = open("/dev/null", O_RDWR);
  for (int i = 0; i < connection; i++) dup2(nothing, i);
  closefrom(connection + 1);
  limit(RLIMIT_CORE, 0);
}

static void serve(const char *path, metasal_hdf5_limits limits) {
  limit_all(limits);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  // The file decides what is read, but not what else is opened: another file may be a FIFO, or someone's secret.
  H5Lunregister(H5L_TYPE_EXTERNAL);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  answer(file < 0 ? METASAL_HDF5_UNREADABLE : METASAL_HDF5_DONE, NULL, 0);
  for (;;) {
    metasal_hdf5_request request;
    receive(&request, sizeof request);
    limit_all(request.limits);
    switch (request.what) {
    case METASAL_HDF5_NAMES: answer_names(file); break;
    case METASAL_HDF5_ATTRIBUTES: answer_attributes(file); break;
    case METASAL_HDF5_DESCRIBE: answer_set(file, &request); break;
    case METASAL_HDF5_TEXTS: answer_texts(file, &request); break;
    case METASAL_HDF5_READ: answer_rows(file, &request); break;
    default: end();
    }
  }
}

int metasal_hdf5_start(const char *path, metasal_hdf5_limits limits, pid_t *process) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -1;
  // No handler of this process's may run in the other.
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
