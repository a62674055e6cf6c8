#include <hdf5.h>

// HDF5 names its types and property lists through macros that call into the library; these accessors open them to Swift.
static inline hid_t metasal_h5t_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t metasal_h5t_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t metasal_h5t_native_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t metasal_h5t_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t metasal_h5t_ieee_f32le(void) { return H5T_IEEE_F32LE; }
static inline hid_t metasal_h5t_ieee_f64le(void) { return H5T_IEEE_F64LE; }
static inline hid_t metasal_h5t_std_i64le(void) { return H5T_STD_I64LE; }
static inline hid_t metasal_h5t_c_s1(void) { return H5T_C_S1; }
static inline hid_t metasal_h5p_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t metasal_h5p_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t metasal_h5p_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t metasal_h5p_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hsize_t metasal_h5s_unlimited(void) { return H5S_UNLIMITED; }
static inline unsigned metasal_h5f_acc_trunc(void) { return H5F_ACC_TRUNC; }
static inline H5F_libver_t metasal_h5f_libver_latest(void) { return H5F_LIBVER_LATEST; }
