/* Preloaded into a real process: writes down every change to files under SOS_RECORD_ROOT, and what goes to standard output.
 *
 * One record per call, appended to SOS_RECORD_LOG with one write: kind, tag, inode, offset, two lengths, two byte strings.
 * A change is written down after it was made and a sync before it is made, so that no change is believed to be on disk early.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
  uint32_t kind, tag;
  uint64_t inode;
  int64_t offset;
  uint32_t first, second;
} __attribute__((packed));

static int journal = -1;
static uint32_t tag;
static int left; /* Changes until this process kills itself: SOS_RECORD_KILL. 0: it lives. */
static const char *root;
static size_t root_length;
static int (*real_open)(const char *, int, ...);

#define REAL(result, name, ...) static result (*next)(__VA_ARGS__); if (!next) next = dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
  real_open = dlsym(RTLD_NEXT, "open");
  root = getenv("SOS_RECORD_ROOT");
  const char *path = getenv("SOS_RECORD_LOG"), *number = getenv("SOS_RECORD_TAG");
  if (!root || !path || !number) return;
  root_length = strlen(root);
  tag = (uint32_t)atoi(number);
  left = getenv("SOS_RECORD_KILL") ? atoi(getenv("SOS_RECORD_KILL")) : 0;
  journal = real_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void note(char kind, uint64_t inode, int64_t offset, const void *first, size_t first_length, const void *second,
                 size_t second_length) {
  struct head head = {(uint32_t)kind, tag, inode, offset, (uint32_t)first_length, (uint32_t)second_length};
  struct iovec parts[3] = {{&head, sizeof head}, {(void *)first, first_length}, {(void *)second, second_length}};
  if (writev(journal, parts, 3) < 0) abort();
  if (left && !--left) kill(getpid(), SIGKILL);
}

static int inside(const char *path) {
  return journal >= 0 && path && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* The kind of an open file of ours: 'f', 'd', or 0 for one that is not below the root. */
static char known(int descriptor, struct stat *found, char path[4096]) {
  char link[64];
  if (journal < 0 || descriptor == journal || fstat(descriptor, found)) return 0;
  if (!S_ISREG(found->st_mode) && !S_ISDIR(found->st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, 4095);
  if (length <= 0) return 0;
  path[length] = 0;
  return inside(path) ? (S_ISDIR(found->st_mode) ? 'd' : 'f') : 0;
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
  int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
  struct stat found;
  int there = !inside(path) || !stat(path, &found);
  int descriptor = next(path, flags, mode);
  if (descriptor >= 0 && inside(path) && !fstat(descriptor, &found) && S_ISREG(found.st_mode)) {
    if (!there) note('O', found.st_ino, found.st_mode & 0777, path, strlen(path), "", 0);
    else if ((flags & O_TRUNC) && (flags & O_ACCMODE)) note('T', found.st_ino, 0, path, strlen(path), "", 0);
  }
  return descriptor;
}
#define OPEN(name)                                                  \
  int name(const char *path, int flags, ...) {                      \
    va_list rest;                                                   \
    va_start(rest, flags);                                          \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;       \
    va_end(rest);                                                   \
    return opened(#name, path, flags, mode);                        \
  }
OPEN(open)
OPEN(open64)

static void wrote(int descriptor, const void *data, ssize_t done, int64_t offset) {
  struct stat found;
  char path[4096];
  if (journal < 0 || done <= 0) return;
  if (descriptor == 1) note('1', 0, 0, "", 0, data, (size_t)done);
  else if (known(descriptor, &found, path) == 'f') {
    if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR) - done;
    note('W', found.st_ino, offset, path, strlen(path), data, (size_t)done);
  }
}
ssize_t write(int descriptor, const void *data, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  ssize_t done = next(descriptor, data, length);
  wrote(descriptor, data, done, -1);
  return done;
}
ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  ssize_t done = next(descriptor, data, length, offset);
  wrote(descriptor, data, done, offset);
  return done;
}
ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  ssize_t done = next(descriptor, data, length, offset);
  wrote(descriptor, data, done, offset);
  return done;
}

static int cut(const char *name, int descriptor, int64_t length) {
  int (*next)(int, off_t) = dlsym(RTLD_NEXT, name);
  struct stat found;
  char path[4096];
  int result = next(descriptor, length);
  if (!result && known(descriptor, &found, path) == 'f') note('T', found.st_ino, length, path, strlen(path), "", 0);
  return result;
}
int ftruncate(int descriptor, off_t length) { return cut("ftruncate", descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return cut("ftruncate64", descriptor, length); }

static int synced(const char *name, int descriptor) {
  int (*next)(int) = dlsym(RTLD_NEXT, name);
  struct stat found;
  char path[4096];
  char kind = known(descriptor, &found, path);
  if (kind) note(kind == 'd' ? 'd' : 'S', found.st_ino, 0, path, strlen(path), "", 0);
  return next(descriptor);
}
int fsync(int descriptor) { return synced("fsync", descriptor); }
int fdatasync(int descriptor) { return synced("fdatasync", descriptor); }

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  int result = next(from, to);
  if (!result && inside(to)) note('R', 0, 0, from, strlen(from), to, strlen(to));
  return result;
}
int symlink(const char *target, const char *path) {
  REAL(int, "symlink", const char *, const char *);
  int result = next(target, path);
  if (!result && inside(path)) note('L', 0, 0, path, strlen(path), target, strlen(target));
  return result;
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  int result = next(path, mode);
  if (!result && inside(path)) note('M', 0, 0, path, strlen(path), "", 0);
  return result;
}
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  int result = next(path);
  if (!result && inside(path)) note('U', 0, 0, path, strlen(path), "", 0);
  return result;
}
int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  int result = next(path);
  if (!result && inside(path)) note('U', 0, 0, path, strlen(path), "", 0);
  return result;
}
