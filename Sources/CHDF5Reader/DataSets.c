#define _GNU_SOURCE
#include "Reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Requests about data sets: their descriptions and their rows.

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
  // Even the shape of a virtual or external data set may be in another file.
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
  // A data set with a null dataspace has no elements, and is ignored like an unsupported type.
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

// Receives the name of a data set and returns its open handle, negative if that fails. The last data set stays open,
// since consecutive requests usually read rows of the same one.
static hid_t receive_set(hid_t file, const metasal_hdf5_request *request, char **name) {
  static char *last_name;
  static hid_t last = -1;
  *name = request->name_bytes <= METASAL_HDF5_LONGEST ? calloc(1, request->name_bytes + 1) : NULL;
  if (!*name) reader_end();
  reader_receive(*name, request->name_bytes);
  if (last < 0 || strcmp(*name, last_name) != 0) {
    if (last >= 0) H5Dclose(last);
    last = H5Dopen2(file, *name, H5P_DEFAULT);
    free(last_name);
    last_name = strdup(*name);
    if (!last_name) reader_end();
  }
  return last;
}

void reader_answer_set(hid_t file, const metasal_hdf5_request *request) {
  char *name;
  hid_t opened = receive_set(file, request, &name);
  if (opened >= 0) {
    metasal_hdf5_set set = describe(opened);
    reader_answer(METASAL_HDF5_DONE, &set, sizeof set);
  } else {
    reader_answer(reader_leads_elsewhere(file, name)                       ? METASAL_HDF5_ELSEWHERE
           : H5Lexists(file, name, H5P_DEFAULT) > 0 ? METASAL_HDF5_UNREADABLE
                                                             : METASAL_HDF5_ABSENT,
           NULL, 0);
  }
  free(name);
}

void reader_answer_texts(hid_t file, const metasal_hdf5_request *request) {
  char *name;
  hid_t opened = receive_set(file, request, &name);
  free(name);
  char *texts = opened >= 0 ? reader_texts_of(opened) : NULL;
  reader_answer(texts ? METASAL_HDF5_DONE : METASAL_HDF5_UNREADABLE, texts, texts ? strlen(texts) + 1 : 0);
  free(texts);
}

static hid_t element_type(int32_t element, size_t *size) {
  *size = element == METASAL_HDF5_UINT8 ? 1 : element == METASAL_HDF5_FLOAT ? 4 : 8;
  return element == METASAL_HDF5_UINT8   ? H5T_NATIVE_UINT8
         : element == METASAL_HDF5_INT64 ? H5T_NATIVE_INT64
         : element == METASAL_HDF5_FLOAT ? H5T_NATIVE_FLOAT
                                         : H5T_NATIVE_DOUBLE;
}

// Reads the requested rows into a buffer; returns false if they do not exist or cannot be read.
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

// Returns a buffer of zeros, because the library may leave elements that were never written unchanged. The memory is
// reused, in huge pages where the system has them, since page faults on fresh memory would take longer than reading.
static void *zeros(size_t bytes) {
  static void *memory;
  static size_t room;
  const size_t page = 2 << 20;
  if (bytes > room) {
    free(memory);
    room = (bytes + page - 1) / page * page;
    memory = aligned_alloc(page, room);
    if (!memory) reader_end();
    madvise(memory, room, MADV_HUGEPAGE);
  }
  return memset(memory, 0, bytes);
}

void reader_answer_rows(hid_t file, const metasal_hdf5_request *request) {
  char *name;
  hid_t opened = receive_set(file, request, &name);
  free(name);
  void *buffer = zeros(request->bytes + 1);
  int is_read = opened >= 0 && read_rows(opened, request, buffer);
  reader_answer(is_read ? METASAL_HDF5_DONE : METASAL_HDF5_UNREADABLE, buffer, is_read ? request->bytes : 0);
}
