// Reads an HDF5 file in a separate process, since the HDF5 library crashes or hangs on some damaged files.
//
// The process is a fork without an exec, so it must not run Swift, whose runtime may have held locks at the time of the
// fork. It runs only the C code of this module and the library. It answers requests over a socket, one after another,
// and ends when the socket is closed. The parent, in Swift, decides what to request and checks the answers.
#pragma once
#include <stdint.h>
#include <sys/types.h>

enum {
  METASAL_HDF5_NAMES,       // the paths of all data sets, in order, each followed by a zero byte
  METASAL_HDF5_ATTRIBUTES,  // the root group's text attributes, each as name, zero byte, text, zero byte; a list is one text of lines
  METASAL_HDF5_TEXTS,       // the text of the data set whose name follows, in the same form, and a zero byte
  METASAL_HDF5_DESCRIBE,    // the description of the data set whose name follows: a metasal_hdf5_set
  METASAL_HDF5_READ,        // the elements of rows of the data set whose name follows
};

// The types to which elements can be converted when they are read.
enum { METASAL_HDF5_UINT8, METASAL_HDF5_INT64, METASAL_HDF5_FLOAT, METASAL_HDF5_DOUBLE };

// The limits on memory in bytes and on processor time in seconds.
typedef struct {
  uint64_t bytes, seconds;
} metasal_hdf5_limits;

typedef struct {
  int32_t what;         // METASAL_HDF5_NAMES, …
  int32_t element;      // READ: METASAL_HDF5_UINT8, …
  uint64_t name_bytes;  // the length of the name that follows the request
  uint64_t first;       // READ: the first row; a data set without axes is one row
  uint64_t rows;        // READ: the number of rows
  uint64_t bytes;       // READ: the size of all elements of the rows
  metasal_hdf5_limits limits;
} metasal_hdf5_request;

// The header of an answer, which is followed by `bytes` bytes.
typedef struct {
  int64_t status;  // METASAL_HDF5_DONE, …; for ATTRIBUTES also the number, from 1, of a damaged attribute
  uint64_t bytes;
} metasal_hdf5_answer;

// The largest number of bytes of names or texts in an answer; a file with more counts as damaged.
enum { METASAL_HDF5_LONGEST = 1 << 28 };

// ELSEWHERE means that a link to another file is in the way; the answer to NAMES then contains the name of the link.
enum {
  METASAL_HDF5_DONE = 0,
  METASAL_HDF5_UNREADABLE = -1,
  METASAL_HDF5_ABSENT = -2,
  METASAL_HDF5_ELSEWHERE = -3
};

// The description of a data set.
typedef struct {
  int32_t kind;            // an H5T_class_t
  int32_t is_elsewhere;    // whether its elements are in other files
  int32_t filters;         // the number of filters that were applied to its chunks
  int32_t missing_filter;  // the first filter that is not available; -1 if all are
  char missing_name[64];
  int32_t rank, chunk_rank;  // numbers of axes; chunk_rank is 0 if there are no chunks
  uint64_t shape[32], chunk[32];
  uint64_t element_size, stored;  // the size of an element, and of all elements in the file, in bytes
  uint64_t chunks;                // the number of chunks in the file
} metasal_hdf5_set;

// Starts the process, which opens the file and then sends its first answer. The caller ensures that no other thread is
// inside the HDF5 library. Returns the socket, or -1 with errno set.
int metasal_hdf5_start(const char *path, metasal_hdf5_limits limits, pid_t *process);

// Waits until the process has ended, after its socket was closed. Returns the signal that ended it, or 0 if it ended by
// itself.
int metasal_hdf5_wait(pid_t process);
