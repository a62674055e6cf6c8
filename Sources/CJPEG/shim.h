#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// libjpeg reports errors by a callback that must not return, so everything that can fail stays in these functions,
// which use longjmp. TurboJPEG's interface needs no longjmp, but does not tell warnings apart: a warning about
// superfluous bytes looks the same as one about lost pixels.

/// The state of decoding a JPEG in memory.
typedef struct {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  /// The message of the error.
  char message[JMSG_LENGTH_MAX];
  /// The first warning about damaged pixels, after which the library continues; empty if there was none.
  char damage[JMSG_LENGTH_MAX];
} metasal_jpeg_reader;

/// The largest number of scans: a small file can contain many scans of a large image, each of which takes time.
enum { metasal_jpeg_most_scans = 500 };

static inline void metasal_jpeg_fail(j_common_ptr jpeg) {
  metasal_jpeg_reader *reader = (metasal_jpeg_reader *)jpeg->client_data;
  jpeg->err->format_message(jpeg, reader->message);
  longjmp(reader->jump, 1);
}

static inline void metasal_jpeg_warn(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  metasal_jpeg_reader *reader = (metasal_jpeg_reader *)jpeg->client_data;
  switch (jpeg->err->msg_code) {
  case JWRN_JPEG_EOF: metasal_jpeg_fail(jpeg); break;
  // These warnings are about harmless oddities; all pixels are there.
  case JWRN_ADOBE_XFORM:
  case JWRN_BOGUS_PROGRESSION:
  case JWRN_EXTRANEOUS_DATA:
  case JWRN_JFIF_MAJOR:
  case JWRN_NOT_SEQUENTIAL: break;
  default:
    if (!reader->damage[0]) jpeg->err->format_message(jpeg, reader->damage);
  }
}

static inline void metasal_jpeg_print(j_common_ptr jpeg) { (void)jpeg; }

static inline void metasal_jpeg_watch(j_common_ptr jpeg) {
  if (((j_decompress_ptr)jpeg)->input_scan_number <= metasal_jpeg_most_scans) return;
  metasal_jpeg_reader *reader = (metasal_jpeg_reader *)jpeg->client_data;
  strncpy(reader->message, "more than 500 scans", sizeof reader->message - 1);
  longjmp(reader->jump, 1);
}

/// Allocates a reader; null if there is not enough memory.
static inline metasal_jpeg_reader *metasal_jpeg_open(void) {
  return (metasal_jpeg_reader *)calloc(1, sizeof(metasal_jpeg_reader));
}

static inline void metasal_jpeg_close(metasal_jpeg_reader *reader) {
  jpeg_destroy_decompress(&reader->jpeg);
  free(reader);
}

/// Reads the header of a JPEG; returns 0 if it is broken. `bytes` must stay valid until the reader is closed.
///
/// `channels` becomes 3 for RGB and 4 for CMYK.
static inline int metasal_jpeg_begin(
    metasal_jpeg_reader *reader, const unsigned char *bytes, size_t count, int *width, int *height, int *channels) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  jpeg->err = jpeg_std_error(&reader->errors);
  jpeg->client_data = reader;
  reader->errors.error_exit = metasal_jpeg_fail;
  reader->errors.emit_message = metasal_jpeg_warn;
  reader->errors.output_message = metasal_jpeg_print;
  if (setjmp(reader->jump)) return 0;
  jpeg_create_decompress(jpeg);
  reader->progress.progress_monitor = metasal_jpeg_watch;
  jpeg->progress = &reader->progress;
  jpeg_mem_src(jpeg, bytes, count);
  jpeg_read_header(jpeg, TRUE);
  int are_inks = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
  jpeg->out_color_space = are_inks ? JCS_CMYK : JCS_RGB;
  *width = (int)jpeg->image_width;
  *height = (int)jpeg->image_height;
  *channels = are_inks ? 4 : 3;
  return 1;
}

/// Decodes the pixels and reads the file to its end; returns 0 if it is broken or truncated.
static inline int metasal_jpeg_finish(metasal_jpeg_reader *reader, unsigned char *pixels) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  if (setjmp(reader->jump)) return 0;
  jpeg_start_decompress(jpeg);
  size_t row = (size_t)jpeg->output_width * jpeg->output_components;
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW start = pixels + row * jpeg->output_scanline;
    jpeg_read_scanlines(jpeg, &start, 1);
  }
  jpeg_finish_decompress(jpeg);
  return 1;
}
