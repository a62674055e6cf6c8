#include <png.h>
#include <stdlib.h>
#include <string.h>

// libpng reports errors by longjmp, which must not cross Swift's frames, so everything that can fail stays in these
// functions. libpng's simplified interface uses no longjmp, but is not suitable for reading: it corrects colors by the
// gamma in the file, which training code never does, and libpng 1.6.39 mixes up the rows of interlaced files of 16
// bits.

/// The state of decoding a PNG in memory.
typedef struct {
  png_structp png;
  png_infop info;
  const unsigned char *bytes;
  size_t count, position;
  /// The number of rows in all passes, and the number of decoded rows.
  size_t rows, done;
  /// Whether the checksum of the pixels is wrong.
  int are_wrong;
  /// The message of the error.
  char message[128];
} metasal_png_reader;

static inline void metasal_png_take(png_structp png, png_bytep out, size_t count) {
  metasal_png_reader *reader = (metasal_png_reader *)png_get_io_ptr(png);
  if (count > reader->count - reader->position) png_error(png, "cut off");
  memcpy(out, reader->bytes + reader->position, count);
  reader->position += count;
}

static inline void metasal_png_fail(png_structp png, png_const_charp message) {
  metasal_png_reader *reader = (metasal_png_reader *)png_get_error_ptr(png);
  strncpy(reader->message, message, sizeof reader->message - 1);
  png_longjmp(png, 1);
}

/// Handles warnings. All but one, which is zlib's, concern parts that the pixels do not need.
static inline void metasal_png_warn(png_structp png, png_const_charp message) {
  if (!strstr(message, "incorrect data check")) return;
  ((metasal_png_reader *)png_get_error_ptr(png))->are_wrong = 1;
  png_error(png, "the sum of its pixels is wrong");
}

static inline void metasal_png_count(png_structp png, png_row_infop row, png_bytep bytes) {
  (void)row;
  (void)bytes;
  metasal_png_reader *reader = (metasal_png_reader *)png_get_io_ptr(png);
  reader->done++;
}

/// Creates a reader; null if there is not enough memory. `bytes` must stay valid until it is closed.
static inline metasal_png_reader *metasal_png_open(const unsigned char *bytes, size_t count) {
  metasal_png_reader *reader = (metasal_png_reader *)calloc(1, sizeof *reader);
  if (!reader) return NULL;
  reader->bytes = bytes;
  reader->count = count;
  reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, metasal_png_fail, metasal_png_warn);
  if (reader->png) reader->info = png_create_info_struct(reader->png);
  if (reader->info) return reader;
  png_destroy_read_struct(&reader->png, NULL, NULL);
  free(reader);
  return NULL;
}

static inline void metasal_png_close(metasal_png_reader *reader) {
  png_destroy_read_struct(&reader->png, &reader->info, NULL);
  free(reader);
}

/// Reads the header; returns 0 if it is broken.
static inline int metasal_png_begin(metasal_png_reader *reader, png_uint_32 *width, png_uint_32 *height) {
  if (setjmp(png_jmpbuf(reader->png))) return 0;
  png_set_read_fn(reader->png, reader, metasal_png_take);
  png_set_benign_errors(reader->png, 1);
  // The caller checks the checksums of those chunks that matter.
  png_set_crc_action(reader->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
  // Texts, color profiles and other chunks that the pixels do not need are skipped.
  png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(reader->png, reader->info);
  *width = png_get_image_width(reader->png, reader->info);
  *height = png_get_image_height(reader->png, reader->info);
  return 1;
}

/// Decodes the pixels of any color type as eight-bit RGB; returns 0 if they are broken. The rest of the file after the
/// last pixel may be missing or broken.
static inline int metasal_png_finish(metasal_png_reader *reader, unsigned char *pixels) {
  if (setjmp(png_jmpbuf(reader->png))) return reader->rows > 0 && reader->done == reader->rows && !reader->are_wrong;
  png_set_expand(reader->png);
  png_set_scale_16(reader->png);
  png_set_strip_alpha(reader->png);
  png_set_gray_to_rgb(reader->png);
  png_set_read_user_transform_fn(reader->png, metasal_png_count);
  int passes = png_set_interlace_handling(reader->png);
  png_read_update_info(reader->png, reader->info);
  size_t row = 3 * (size_t)png_get_image_width(reader->png, reader->info);
  if (png_get_rowbytes(reader->png, reader->info) != row) png_error(reader->png, "rows of another length");
  png_uint_32 height = png_get_image_height(reader->png, reader->info);
  png_uint_32 width = png_get_image_width(reader->png, reader->info);
  reader->rows = passes == 1 ? height : 0;
  for (int pass = 0; passes > 1 && pass < passes; pass++)
    if (PNG_PASS_COLS(width, pass) > 0) reader->rows += PNG_PASS_ROWS(height, pass);
  for (int pass = 0; pass < passes; pass++)
    for (png_uint_32 y = 0; y < height; y++) png_read_row(reader->png, pixels + y * row, NULL);
  return 1;
}

/// An upper bound on the size of an image as a PNG in bytes.
static inline size_t metasal_png_largest(const png_image *image) { return PNG_IMAGE_PNG_SIZE_MAX(*image); }
