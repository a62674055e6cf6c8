// Reads an HDF5 file in a process of its own, since the HDF5 library crashes or hangs on some damaged files.
//
// The process is a fork of this one without an exec, so it must not run Swift, whose runtime may have held locks when it was
// forked: it consists of C, of this file's making and the library's. It answers requests over a socket, one after another, and
// ends when the socket is closed. What is asked, and whether what is found makes sense, is decided on this side, in Swift.
#pragma once
#include <stdint.h>
#include <sys/types.h>

enum {
  METASAL_HDF5_NAMES,       // the paths of all data sets, in order, each ended by a zero
  METASAL_HDF5_ATTRIBUTES,  // the root group's texts: name, zero, text, zero, for each; a list of texts is one of lines
  METASAL_HDF5_TEXTS,       // the data set of texts whose name follows: its text in the same way, and a zero
  METASAL_HDF5_DESCRIBE,    // the data set whose name follows: a metasal_hdf5_set
  METASAL_HDF5_READ,        // rows of the data set whose name follows: their elements
};

// What numbers are turned into when they are read.
enum { METASAL_HDF5_UINT8, METASAL_HDF5_INT64, METASAL_HDF5_FLOAT, METASAL_HDF5_DOUBLE };

// How much memory and time of a processor may be taken.
typedef struct {
  uint64_t bytes, seconds;
} metasal_hdf5_limits;

typedef struct {
  int32_t what;         // METASAL_HDF5_NAMES, …
  int32_t element;      // READ: METASAL_HDF5_UINT8, …
  uint64_t name_bytes;  // of the name that follows the request
  uint64_t first;       // READ: the first row; a data set without axes is one row
  uint64_t rows;        // READ
  uint64_t bytes;       // READ: of all rows' elements
  metasal_hdf5_limits limits;
} metasal_hdf5_request;

// An answer, before the bytes that belong to it.
typedef struct {
  int64_t status;  // METASAL_HDF5_DONE, …; of ATTRIBUTES also the number, from 1, of one that is damaged
  uint64_t bytes;
} metasal_hdf5_answer;

// So many bytes of names or of texts are answered at most; what has more is damaged.
enum { METASAL_HDF5_LONGEST = 1 << 28 };

// ELSEWHERE: a link to another file is in the way; of NAMES, the link's name is answered.
enum {
  METASAL_HDF5_DONE = 0,
  METASAL_HDF5_UNREADABLE = -1,
  METASAL_HDF5_ABSENT = -2,
  METASAL_HDF5_ELSEWHERE = -3
};

// A data set.
typedef struct {
  int32_t kind;            // an H5T_class_t
  int32_t is_elsewhere;    // whether its elements lie in other files
  int32_t filters;         // how many its chunks went through
  int32_t missing_filter;  // the number of the first that is not here; -1 if all are
  char missing_name[64];
  int32_t rank, chunk_rank;  // numbers of axes; chunk_rank is 0 if there are no chunks
  uint64_t shape[32], chunk[32];
  uint64_t element_size, stored;  // bytes of an element, and of all in the file
  uint64_t chunks;                // how many are in the file
} metasal_hdf5_set;

// Starts the process, which opens the file and then sends its first answer. The caller sees that no other thread is in the
// HDF5 library. Returns the socket, or -1 with errno.
int metasal_hdf5_start(const char *path, metasal_hdf5_limits limits, pid_t *process);

// Waits for the process's end, which comes after the socket's. Returns the signal that ended it; 0 if it ended by itself.
int metasal_hdf5_wait(pid_t process);
