#define _GNU_SOURCE
#include "Reader.h"

#include <stdlib.h>
#include <string.h>

// Requests about names of data sets, text attributes and data sets of texts.

enum { most_attributes = 1000 };
// The library visits nested groups recursively, so their depth is limited.
enum { deepest_path = 64 };

typedef struct {
  char *bytes;
  size_t count, room;
} list;

// Appends a text and its terminating zero.
static void append(list *list, const char *text) {
  size_t count = strlen(text) + 1;
  if (count > METASAL_HDF5_LONGEST - list->count) reader_end();
  if (list->room - list->count < count) {
    list->room = 2 * list->room + count;
    list->bytes = realloc(list->bytes, list->room);
    if (!list->bytes) reader_end();
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

// Whether a path leads to another file: whether it or one of its parents is an external link.
int reader_leads_elsewhere(hid_t file, const char *name) {
  char *part = strdup(name);
  if (!part) reader_end();
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

void reader_answer_names(hid_t file) {
  list names = {0};
  if (H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, find_outward, &names) > 0) {
    reader_answer(METASAL_HDF5_ELSEWHERE, names.bytes, names.count);
    free(names.bytes);
    return;
  }
  herr_t status = H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, note, &names, H5O_INFO_BASIC);
  reader_answer(status < 0 ? METASAL_HDF5_UNREADABLE : METASAL_HDF5_DONE, names.bytes, names.count);
  free(names.bytes);
}

static herr_t read_texts(hid_t object, hid_t type, void *buffer) {
  return H5Iget_type(object) == H5I_ATTR ? H5Aread(object, type, buffer)
                                         : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer);
}

// Appends a text as one line; line breaks in it become blanks.
static void append_line(list *lines, const char *text, size_t length) {
  char *line = calloc(1, length + 1);
  if (!line) reader_end();
  memcpy(line, text, length);
  for (char *c = line; *c; c++)
    if (*c == '\n' || *c == '\r') *c = ' ';
  append(lines, line);
  lines->bytes[lines->count - 1] = '\n';
  free(line);
}

// Appends `count` texts, one per line, or a single text unchanged. Returns false if they cannot be read.
static int append_texts(list *lines, hid_t object, hid_t type, hid_t space, size_t count) {
  int is_variable = H5Tis_variable_str(type) > 0, is_read;
  size_t size = is_variable ? sizeof(char *) : H5Tget_size(type);
  if (count == 0 || size == 0 || count > METASAL_HDF5_LONGEST / size) return 0;
  char *texts = calloc(count, size);
  if (!texts) reader_end();
  is_read = read_texts(object, type, texts) >= 0;
  for (size_t i = 0; is_read && i < count; i++) {
    const char *text = is_variable ? ((char **)texts)[i] : texts + i * size;
    size_t length = !text ? 0 : is_variable ? strlen(text) : strnlen(text, size);
    if (count > 1 || !text) {
      append_line(lines, text ? text : "", length);
    } else {
      char *whole = strndup(text, length);
      if (!whole) reader_end();
      append(lines, whole);
      lines->count--;
      free(whole);
    }
  }
  if (is_read && is_variable) H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
  free(texts);
  return is_read;
}

// The texts of an attribute or a data set, of fixed or variable length, which the caller frees; NULL if it does not
// contain texts or cannot be read.
char *reader_texts_of(hid_t object) {
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

typedef struct {
  list texts;
  int64_t seen, broken;
} attributes;

static herr_t note_attribute(hid_t file, const char *name, const H5A_info_t *information, void *found) {
  (void)information;
  attributes *all = found;
  if (all->seen == most_attributes) return 1;
  all->seen++;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  if (attribute < 0) {
    all->broken = all->seen;
    return 1;
  }
  char *text = reader_texts_of(attribute);
  if (text) {
    append(&all->texts, name);
    append(&all->texts, text);
    free(text);
  }
  H5Aclose(attribute);
  return 0;
}

void reader_answer_attributes(hid_t file) {
  attributes all = {{0}, 0, 0};
  H5O_info_t information;
  int64_t status = METASAL_HDF5_DONE;
  if (H5Oget_info2(file, &information, H5O_INFO_NUM_ATTRS) < 0) {
    status = METASAL_HDF5_UNREADABLE;
  } else if (information.num_attrs > 0) {
    // Iterates over all attributes, because opening them by index would sort them anew each time.
    hsize_t first = 0;
    if (H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, &first, note_attribute, &all) < 0 && !all.broken)
      all.broken = all.seen + 1;
    if (all.broken) status = all.broken;
  }
  reader_answer(status, all.texts.bytes, all.texts.count);
  free(all.texts.bytes);
}
