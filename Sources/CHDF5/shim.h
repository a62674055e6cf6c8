#include <hdf5.h>

// HDF5 names its types and property lists through macros that call into the library; these accessors open them to Swift.
static inline hid_t metasal_h5t_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t metasal_h5t_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t metasal_h5t_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t metasal_h5t_native_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t metasal_h5t_c_s1(void) { return H5T_C_S1; }
