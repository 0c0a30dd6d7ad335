/* Preloaded into the process that forks trials: lets the n-th change of a file below a root fail, or be the last that is begun.
 *
 * Opening for writing, writes, lengths, syncs, and entries of directories count. What is written into mapped memory does not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root; /* NULL: nothing is counted and nothing hurt. */
static size_t root_length;
static int first, error, lasting, half; /* error 0: kill -9. */
static int seen, struck;

/* From here on count the changes below `below`; the `at`th fails with `number`, and all after it if `stay`. `part`: a write that is
 * hurt has written its first half before. */
void trial_arm(const char *below, int at, int number, int stay, int part) {
  root = below, root_length = strlen(below);
  first = at, error = number, lasting = stay, half = part, seen = struck = 0;
}
int trial_seen(void) { return seen; }
int trial_struck(void) { return struck; }

#define REAL(result, name, ...) static result (*next)(__VA_ARGS__); if (!next) next = dlsym(RTLD_NEXT, name)

static int inside(const char *path) {
  return root && path && !strncmp(path, root, root_length) && path[root_length] == '/';
}
static int ours(int descriptor) {
  char link[64], path[4096];
  if (!root || descriptor < 3) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, 4095);
  if (length <= 0) return 0;
  path[length] = 0;
  return inside(path);
}
static int due(void) {
  ++seen;
  return seen == first || (seen > first && lasting);
}
/* What a change that is due comes to. */
static int hurt(void) {
  ++struck;
  if (!error) kill(getpid(), SIGKILL);
  errno = error;
  return -1;
}

#define OPEN(name)                                                                       \
  int name(const char *path, int flags, ...) {                                           \
    REAL(int, #name, const char *, int, ...);                                            \
    va_list rest;                                                                        \
    va_start(rest, flags);                                                               \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                            \
    va_end(rest);                                                                        \
    return inside(path) && (flags & O_ACCMODE) && due() ? hurt() : next(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define WRITE(name, position_type)                                                                          \
  ssize_t name(int descriptor, const void *data, size_t length, position_type position) {                  \
    REAL(ssize_t, #name, int, const void *, size_t, position_type);                                         \
    if (!ours(descriptor) || !due()) return next(descriptor, data, length, position);                       \
    if (half && length > 1) next(descriptor, data, length / 2, position);                                   \
    return hurt();                                                                                          \
  }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)
ssize_t write(int descriptor, const void *data, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (!ours(descriptor) || !due()) return next(descriptor, data, length);
  if (half && length > 1) next(descriptor, data, length / 2);
  return hurt();
}

#define OF_DESCRIPTOR(name) \
  int name(int descriptor) { REAL(int, #name, int); return ours(descriptor) && due() ? hurt() : next(descriptor); }
OF_DESCRIPTOR(fsync)
OF_DESCRIPTOR(fdatasync)
int ftruncate(int descriptor, off_t length) {
  REAL(int, "ftruncate", int, off_t);
  return ours(descriptor) && due() ? hurt() : next(descriptor, length);
}
int ftruncate64(int descriptor, off64_t length) {
  REAL(int, "ftruncate64", int, off64_t);
  return ours(descriptor) && due() ? hurt() : next(descriptor, length);
}

#define OF_PATH(name) \
  int name(const char *path) { REAL(int, #name, const char *); return inside(path) && due() ? hurt() : next(path); }
OF_PATH(unlink)
OF_PATH(rmdir)
int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  return inside(to) && due() ? hurt() : next(from, to);
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  /* What is there already needs no room: EEXIST comes first. */
  return inside(path) && access(path, F_OK) && due() ? hurt() : next(path, mode);
}
