// MPI's constants are macros that Swift cannot read, so each function that metasal needs has an accessor here. All return
// MPI's error code, 0 for success.
#include <mpi.h>
#include <stdint.h>

// Calls may come from any thread, one at a time.
static inline int metasal_mpi_start(void) {
  int given = 0;
  int error = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &given);
  return error ? error : given >= MPI_THREAD_SERIALIZED ? 0 : MPI_ERR_OTHER;
}

static inline int metasal_mpi_place(int *rank, int *size) {
  int error = MPI_Comm_rank(MPI_COMM_WORLD, rank);
  return error ? error : MPI_Comm_size(MPI_COMM_WORLD, size);
}

// The number of processes on this machine.
static inline int metasal_mpi_neighbours(int *count) {
  MPI_Comm local;
  int error = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
  if (error) return error;
  error = MPI_Comm_size(local, count);
  MPI_Comm_free(&local);
  return error;
}

static inline int metasal_mpi_send(const void *bytes, int count, int to) {
  return MPI_Send(bytes, count, MPI_BYTE, to, 0, MPI_COMM_WORLD);
}

static inline int metasal_mpi_receive(void *bytes, int count, int from) {
  return MPI_Recv(bytes, count, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static inline int metasal_mpi_exchange(const void *sent, int sent_count, void *received, int received_count, int with) {
  return MPI_Sendrecv(
      sent, sent_count, MPI_BYTE, with, 0, received, received_count, MPI_BYTE, with, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static inline int metasal_mpi_gather_counts(int own, int *counts) {
  return MPI_Allgather(&own, 1, MPI_INT, counts, 1, MPI_INT, MPI_COMM_WORLD);
}

static inline int metasal_mpi_gather(
    const void *own, int count, void *all, const int *counts, const int *starts) {
  return MPI_Allgatherv(own, count, MPI_BYTE, all, counts, starts, MPI_BYTE, MPI_COMM_WORLD);
}

static inline void metasal_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }
static inline int metasal_mpi_finish(void) { return MPI_Finalize(); }
