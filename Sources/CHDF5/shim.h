#include <hdf5.h>
#include <stdlib.h>

// HDF5 defines its types and property lists as macros that call the library, which Swift cannot import; these functions
// return their values.
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

// Creating a file in memory. These callbacks keep the library from freeing the memory when the file is closed. The
// alternative, H5Fget_file_image before closing, returns bytes that the library refuses to open in the newest version
// of the format.

/// The bytes of the file, which the caller frees, and their number, which may exceed the size of the file.
typedef struct {
  void *bytes;
  size_t count;
} metasal_h5_image;

static inline void *metasal_h5_image_malloc(size_t count, H5FD_file_image_op_t what, void *image) {
  (void)what, (void)image;
  return malloc(count);
}

static inline void *metasal_h5_image_realloc(void *bytes, size_t count, H5FD_file_image_op_t what, void *data) {
  (void)what;
  metasal_h5_image *image = (metasal_h5_image *)data;
  void *moved = realloc(bytes, count);
  if (moved) *image = (metasal_h5_image){moved, count};
  return moved;
}

static inline herr_t metasal_h5_image_free(void *bytes, H5FD_file_image_op_t what, void *image) {
  (void)image;
  if (what != H5FD_FILE_IMAGE_OP_FILE_CLOSE) free(bytes);
  return 0;
}

static inline void *metasal_h5_image_share(void *image) { return image; }
static inline herr_t metasal_h5_image_leave(void *image) { return (void)image, 0; }

/// Makes files that are created with this property list live in memory, which stays in `image` after they are closed.
static inline herr_t metasal_h5_in_memory(hid_t access, metasal_h5_image *image) {
  H5FD_file_image_callbacks_t callbacks = {
      .image_malloc = metasal_h5_image_malloc,
      .image_realloc = metasal_h5_image_realloc,
      .image_free = metasal_h5_image_free,
      .udata_copy = metasal_h5_image_share,
      .udata_free = metasal_h5_image_leave,
      .udata = image,
  };
  herr_t status = H5Pset_fapl_core(access, 1, 0);
  return status < 0 ? status : H5Pset_file_image_callbacks(access, &callbacks);
}
