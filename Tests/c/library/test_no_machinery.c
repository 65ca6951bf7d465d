/* S17: the library leaves the process as it found it. */
#include "journal.h"
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>

extern char **environ;

static int count_directory(const char *path) {
  DIR *directory = opendir(path);
  assert_non_null(directory);
  int count = 0;
  while (readdir(directory) != NULL) count++;
  closedir(directory);
  return count;
}

static int threads(void) { return count_directory("/proc/self/task"); }
static int files(void) { return count_directory("/proc/self/fd"); }

/* Uses everything once; `inside` runs while all of it is open. */
static void use_everything(void (*inside)(struct rig *rig)) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING | LILY_SESSION_REAL);
  probe_string(&theme, "light");
  rig_attach(&rig);
  probe_real(&theme, 0.5);
  rig_dispatch(&rig);
  assert_ok(set_text(rig.storage, "other", "{\"a\":[1.5,2]}"));
  assert_ok(lily_session_clear(rig.storage));
  assert_ok(lily_session_flush(rig.session));
  assert_fails(DECODE, set_text(rig.storage, "other", "{"));
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.application = "shop";
  lily_session_storage *place_of_default = NULL;
  assert_ok(lily_session_storage_open(NULL, &options, &place_of_default));
  if (inside != NULL) inside(&rig);
  lily_session_storage_close(place_of_default);
  rig_end(&rig);
}

static int threads_before;
static void check_threads(struct rig *rig) {
  (void)rig;
  assert_int_equal(threads(), threads_before);
}

TEST(no_machinery__S17_no_thread) {
  threads_before = threads();
  use_everything(check_threads);
  assert_int_equal(threads(), threads_before);
}

TEST(no_machinery__S17_no_change_of_the_environment) {
  char **before = environ;
  size_t count = 0;
  while (environ[count] != NULL) count++;
  char **copies = malloc(count * sizeof *copies);
  for (size_t i = 0; i < count; i++) copies[i] = strdup(environ[i]);
  use_everything(NULL);
  assert_ptr_equal(environ, before);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(environ[i], copies[i]);
    free(copies[i]);
  }
  assert_null(environ[count]);
  free(copies);
}

TEST(no_machinery__S17_no_signal_handler_or_mask) {
  struct sigaction before[65], after;
  sigset_t mask_before, mask_after;
  memset(before, 0, sizeof before);
  for (int i = 1; i < 65; i++) sigaction(i, NULL, &before[i]);
  assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask_before), 0);
  use_everything(NULL);
  for (int i = 1; i < 65; i++) {
    memset(&after, 0, sizeof after);
    if (sigaction(i, NULL, &after) != 0) continue;
    assert_true(after.sa_handler == before[i].sa_handler);
    assert_int_equal(after.sa_flags, before[i].sa_flags);
  }
  assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask_after), 0);
  for (int i = 1; i < 65; i++) assert_int_equal(sigismember(&mask_after, i), sigismember(&mask_before, i));
  sigset_t pending;
  assert_int_equal(sigpending(&pending), 0);
  for (int i = 1; i < 65; i++) assert_int_equal(sigismember(&pending, i), 0);
}

TEST(no_machinery__S17_no_change_of_the_locale) {
  char *before = strdup(setlocale(LC_ALL, NULL));
  locale_t thread_before = uselocale((locale_t)0);
  use_everything(NULL);
  assert_string_equal(setlocale(LC_ALL, NULL), before);
  assert_true(uselocale((locale_t)0) == thread_before);
  free(before);
}

TEST(no_machinery__S17_no_change_of_umask_or_directory) {
  char before[4096], after[4096];
  umask(0123);
  assert_non_null(getcwd(before, sizeof before));
  use_everything(NULL);
  assert_int_equal(umask(022), 0123);
  assert_non_null(getcwd(after, sizeof after));
  assert_string_equal(after, before);
}

TEST(no_machinery__S17_no_descriptor_is_left_behind) {
  const int before = files();
  for (int i = 0; i < 5; i++) use_everything(NULL);
  assert_int_equal(files(), before);
  /* A failure leaves no open file either. */
  file_write(in_place("foreign"), "not a journal\n", 14);
  lily_session_storage *storage = NULL;
  assert_fails(REFUSED, lily_session_storage_open(in_place("foreign"), NULL, &storage));
  assert_fails(NOT_FOUND, lily_session_storage_open(in_place("nowhere/x"), NULL, &storage));
  assert_fails(REFUSED, lily_session_storage_open(place, NULL, &storage));
  assert_int_equal(files(), before);
}

/* A program that the host starts inherits nothing, and standard streams stay the host's. */
static void check_close_on_exec(struct rig *rig) {
  (void)rig;
  int inherited = 0;
  for (int file = 3; file < 256; file++) {
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length <= 0) continue;
    target[length] = '\0';
    if (strncmp(target, place, strlen(place)) == 0) {
      inherited += (fcntl(file, F_GETFD) & FD_CLOEXEC) == 0;
    }
  }
  assert_int_equal(inherited, 0);
}

TEST(no_machinery__S17_descriptors_are_closed_on_exec) { use_everything(check_close_on_exec); }

static void check_maps(struct rig *rig) {
  (void)rig;
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[5000];
  assert_non_null(maps);
  while (fgets(line, sizeof line, maps) != NULL) assert_null(strstr(line, place));
  fclose(maps);
}

TEST(no_machinery__S17_no_mapping_of_the_store) { use_everything(check_maps); }

static void check_files_in_place(struct rig *rig) {
  (void)rig;
  /* ".", "..", the journal and the default place. */
  assert_int_equal(count_directory(place), 4);
}

TEST(no_machinery__S17_no_other_file) {
  use_everything(check_files_in_place);
  check_files_in_place(NULL);
}

/* The library prints nothing. The tests do not check errno, which may have any value after a call that succeeds. */
TEST(no_machinery__S17_nothing_is_printed) {
  int out = dup(1), err = dup(2), file = open(in_place("output"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  fflush(NULL);
  dup2(file, 1);
  dup2(file, 2);
  use_everything(NULL);
  lily_session_storage *storage = NULL;
  const lily_session_status status = lily_session_storage_open(place, NULL, &storage);
  fflush(NULL);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  assert_int_equal(status, LILY_SESSION_ERROR_REFUSED);
  assert_int_equal(lseek(file, 0, SEEK_END), 0);
  close(file);
}
