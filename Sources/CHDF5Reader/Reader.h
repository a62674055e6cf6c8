#ifndef METASAL_HDF5_READER_H
#define METASAL_HDF5_READER_H

// Functions shared by the files of the reading process; see CHDF5Reader.h.

#include "CHDF5Reader.h"

#include <hdf5.h>

#pragma GCC visibility push(hidden)

// Communication (CHDF5Reader.c). The process ends if it cannot continue.
void reader_end(void);
void reader_receive(void *bytes, size_t count);
void reader_answer(int64_t status, const void *bytes, size_t count);

// Names and attributes (Names.c).
int reader_leads_elsewhere(hid_t file, const char *name);
char *reader_texts_of(hid_t object);
void reader_answer_names(hid_t file);
void reader_answer_attributes(hid_t file);

// Data sets (DataSets.c).
void reader_answer_set(hid_t file, const metasal_hdf5_request *request);
void reader_answer_texts(hid_t file, const metasal_hdf5_request *request);
void reader_answer_rows(hid_t file, const metasal_hdf5_request *request);

#pragma GCC visibility pop
#endif
