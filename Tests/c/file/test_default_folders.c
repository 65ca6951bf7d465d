/* S18: the folders of the default place are made whole, and nothing else is changed, even if another user exchanges folders meanwhile. */
#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef RENAME_EXCHANGE /* musl does not declare it */
#include <sys/syscall.h>
#define RENAME_EXCHANGE 2
#define renameat2(...) syscall(SYS_renameat2, __VA_ARGS__)
#endif

static lily_session_status open_shop(lily_session_storage **out_storage) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.application = "shop";
  return lily_session_storage_open(NULL, &options, out_storage);
}

/* ---- power loss */

static char synced[8][300];
static int syncs;

/* The library calls this function instead of libc's. */
int fsync(int file) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, synced[syncs % 8], sizeof synced[0] - 1);
  if (length > 0) synced[syncs++ % 8][length] = 0;
  return (int)syscall(SYS_fsync, file);
}

/* The folder above each folder that is made is synced, because the program cannot know that it was made. */
TEST(default_folders__S12_their_names_are_synced) {
  lily_session_storage *storage;
  setenv("LILY_SESSION_DIR", in_place("one/two"), 1);
  assert_ok(open_shop(&storage));
  lily_session_storage_close(storage);
  const char *const above[] = {".", "one", "one/two"};
  for (size_t i = 0; i < COUNT(above); i++) {
    char path[300];
    assert_non_null(realpath(in_place(above[i]), path));
    assert_string_equal(synced[i], path);
  }
  syncs = 0;
  assert_ok(open_shop(&storage));
  assert_int_equal(syncs, 0); /* nothing was made */
  lily_session_storage_close(storage);
}

/* ---- somebody who exchanges the folder at the worst moment */

static void (*when_made)(void);

/* The library calls these two functions instead of libc's. */
int mkdirat(int directory, const char *name, mode_t mode) {
  const int result = (int)syscall(SYS_mkdirat, directory, name, mode);
  const size_t length = strlen(name);
  if (result == 0 && when_made != NULL && length >= 4 && strcmp(name + length - 4, "shop") == 0) when_made();
  return result;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

/* Only root moves a folder to another one without having any right to it. */
static void give_rights(void) {
  if (chmod(in_place("state/shop"), 0700) != 0) abort();
}

static void put_a_link_there(void) {
  give_rights();
  if (rename(in_place("state/shop"), in_place("aside")) != 0 || symlink(in_place("decoy"), in_place("state/shop")) != 0) abort();
}

static void put_the_folder_there(void) {
  give_rights();
  if (renameat2(AT_FDCWD, in_place("state/shop"), AT_FDCWD, in_place("decoy"), RENAME_EXCHANGE) != 0) abort();
}

static void check_at_the_worst_moment(void (*exchange)(void), mode_t mask, bool opens) {
  assert_int_equal(mkdir(in_place("state"), 0700), 0);
  assert_int_equal(mkdir(in_place("decoy"), 0755), 0);
  const int decoy = open(in_place("decoy"), O_RDONLY | O_DIRECTORY);
  assert_true(decoy >= 0);
  setenv("LILY_SESSION_DIR", in_place("state"), 1);
  when_made = exchange;
  umask(mask);
  lily_session_storage *storage = UNTOUCHED;
  const lily_session_status status = open_shop(&storage);
  umask(022);
  when_made = NULL;
  assert_returns(opens ? LILY_SESSION_OK : LILY_SESSION_ERROR_NOT_FOUND, status);
  if (!opens) assert_message_has("LILY_SESSION_DIR: cannot create ");
  lily_session_storage_close(storage);
  struct stat is;
  assert_int_equal(fstat(decoy, &is), 0);
  assert_int_equal(is.st_mode & 07777, 0755);
  close(decoy);
}

/* A link that comes where the library has just made a folder is not followed. */
TEST(default_folders__S28_a_link_in_the_place_of_a_new_folder) { check_at_the_worst_moment(put_a_link_there, 022, false); }
TEST(default_folders__S28_a_link_in_its_place_under_a_umask_of_0777) { check_at_the_worst_moment(put_a_link_there, 0777, false); }
TEST(default_folders__S28_another_folder_in_the_place_of_a_new_one) { check_at_the_worst_moment(put_the_folder_there, 022, true); }
TEST(default_folders__S28_another_folder_in_its_place_under_a_umask_of_0777) { check_at_the_worst_moment(put_the_folder_there, 0777, true); }

/* ---- somebody who exchanges it all the time */

struct exchange {
  bool by_link;
  volatile bool ends;
};

/* Puts a link to the other folder, or that folder itself, in the place of the one that the library makes. */
static int exchange(void *context) {
  const struct exchange *how = context;
  const char *shop = in_place("state/shop"), *decoy = in_place("decoy"), *aside = in_place("aside");
  while (!how->ends) {
    if (how->by_link) {
      if (rename(shop, aside) != 0) continue;
      (void)!symlink(decoy, shop);
      for (int i = 0; i < 200; i++) (void)getppid();
      unlink(shop);
      unlink(in_place("aside/session.jsonl"));
      rmdir(aside);
    } else if (renameat2(AT_FDCWD, shop, AT_FDCWD, decoy, RENAME_EXCHANGE) == 0) {
      renameat2(AT_FDCWD, shop, AT_FDCWD, decoy, RENAME_EXCHANGE);
      unlink(in_place("state/shop/session.jsonl"));
      rmdir(shop);
    }
  }
  return 0;
}

static void check_decoy(bool by_link, mode_t mask) {
  struct exchange *how = mmap(NULL, sizeof *how, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(how, MAP_FAILED);
  how->by_link = by_link;
  assert_int_equal(mkdir(in_place("state"), 0700), 0);
  assert_int_equal(mkdir(in_place("decoy"), 0755), 0);
  const int decoy = open(in_place("decoy"), O_RDONLY | O_DIRECTORY);
  assert_true(decoy >= 0);
  setenv("LILY_SESSION_DIR", in_place("state"), 1);
  const pid_t child = start_child(exchange, how);
  umask(mask);
  bool is_as_it_was = true;
  for (int i = 0; i < 400 && is_as_it_was; i++) {
    lily_session_storage *storage = NULL;
    if (open_shop(&storage) == LILY_SESSION_OK) lily_session_storage_close(storage);
    struct stat status;
    is_as_it_was = fstat(decoy, &status) == 0 && (status.st_mode & 07777) == 0755;
  }
  umask(022);
  how->ends = true;
  assert_int_equal(end_of_child(child), 0);
  assert_true(is_as_it_was);
  close(decoy);
  munmap(how, sizeof *how);
}

TEST(default_folders__S28_links_come_and_go) { check_decoy(true, 022); }
TEST(default_folders__S28_links_come_and_go_under_a_umask_of_0777) { check_decoy(true, 0777); }
TEST(default_folders__S28_folders_are_exchanged) { check_decoy(false, 022); }
TEST(default_folders__S28_folders_are_exchanged_under_a_umask_of_0777) { check_decoy(false, 0777); }

/* A link that existed before belongs to the user, whose home may be a link. The library follows it, and does not change the folder there. */
TEST(default_folders__S18_a_link_that_was_there_is_followed) {
  const mode_t masks[] = {022, 0777};
  for (size_t i = 0; i < COUNT(masks); i++) {
    assert_int_equal(mkdir(in_place("real"), 0755), 0);
    assert_int_equal(symlink("real", in_place("home")), 0);
    assert_int_equal(mkdir(in_place("elsewhere"), 0750), 0);
    assert_int_equal(symlink(in_place("elsewhere"), in_place("real/.local")), 0);
    unsetenv("LILY_SESSION_DIR");
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", in_place("home"), 1);
    lily_session_storage *storage = NULL;
    umask(masks[i]);
    assert_ok(open_shop(&storage));
    umask(022);
    lily_session_storage_close(storage);
    assert_int_equal(mode_of(in_place("real")), 0755);
    assert_int_equal(mode_of(in_place("elsewhere")), 0750);
    assert_int_equal(mode_of(in_place("elsewhere/state")), 0700);
    assert_int_equal(mode_of(in_place("elsewhere/state/shop")), 0700);
    assert_int_equal(unlink(in_place("elsewhere/state/shop/session.jsonl")), 0);
    assert_int_equal(rmdir(in_place("elsewhere/state/shop")), 0);
    assert_int_equal(rmdir(in_place("elsewhere/state")), 0);
    assert_int_equal(rmdir(in_place("elsewhere")), 0);
    assert_int_equal(unlink(in_place("real/.local")), 0);
    assert_int_equal(rmdir(in_place("real")), 0);
    assert_int_equal(unlink(in_place("home")), 0);
  }
}

/* ---- as a user other than root, so that modes count */

static bool become_nobody(void) {
  return geteuid() != 0 || become(65534);
}

static void give_place(void) {
  assert_int_equal(chmod(place, 0755), 0);
  assert_int_equal(mkdir(in_place("state"), 0755), 0);
  if (geteuid() == 0) assert_int_equal(chown(in_place("state"), 65534, 65534), 0);
  setenv("LILY_SESSION_DIR", in_place("state/a/b"), 1);
}

static int open_under_masks(void *context) {
  (void)context;
  const mode_t masks[] = {0777, 0177, 0700, 0400, 0200, 0100, 0377, 0};
  const char *made[] = {"state/a", "state/a/b", "state/a/b/shop"};
  CHILD_CHECK(become_nobody());
  for (size_t i = 0; i < COUNT(masks); i++) {
    lily_session_storage *storage = NULL;
    umask(masks[i]);
    const lily_session_status status = open_shop(&storage);
    umask(022);
    CHILD_CHECK(status == LILY_SESSION_OK && set_text(storage, "a", "1") == LILY_SESSION_OK);
    lily_session_storage_close(storage);
    struct stat is;
    for (size_t k = 0; k < COUNT(made); k++) CHILD_CHECK(stat(in_place(made[k]), &is) == 0 && (is.st_mode & 07777) == 0700);
    CHILD_CHECK(unlink(in_place("state/a/b/shop/session.jsonl")) == 0);
    for (size_t k = COUNT(made); k > 0; k--) CHILD_CHECK(rmdir(in_place(made[k - 1])) == 0);
  }
  return 0;
}

TEST(default_folders__S18_under_any_umask) {
  give_place();
  assert_int_equal(in_child(open_under_masks, NULL), 0);
}

/* A program that is killed between making a folder and setting its mode leaves such a folder. */
static int open_what_was_left(void *context) {
  (void)context;
  const char *left[] = {"state/a", "state/a/b", "state/a/b/shop"};
  const mode_t modes[] = {0, 0400, 0600};
  CHILD_CHECK(become_nobody());
  for (size_t i = 0; i < COUNT(modes); i++)
    for (size_t k = 0; k < COUNT(left); k++) {
      for (size_t above = 0; above < k; above++) CHILD_CHECK(mkdir(in_place(left[above]), 0700) == 0);
      CHILD_CHECK(mkdir(in_place(left[k]), modes[i]) == 0);
      lily_session_storage *storage = NULL;
      CHILD_CHECK(open_shop(&storage) == LILY_SESSION_OK);
      lily_session_storage_close(storage);
      struct stat is;
      CHILD_CHECK(stat(in_place(left[k]), &is) == 0 && (is.st_mode & 07777) == 0700);
      CHILD_CHECK(unlink(in_place("state/a/b/shop/session.jsonl")) == 0);
      for (size_t made = COUNT(left); made > 0; made--) CHILD_CHECK(rmdir(in_place(left[made - 1])) == 0);
    }
  return 0;
}

TEST(default_folders__S18_half_made_ones_are_finished) {
  give_place();
  assert_int_equal(in_child(open_what_was_left, NULL), 0);
}

/* If the user has taken away the rights to a folder, the library does not give them back. */
static int open_what_is_locked(void *context) {
  (void)context;
  const mode_t modes[] = {0, 0500, 0600};
  CHILD_CHECK(become_nobody());
  setenv("LILY_SESSION_DIR", in_place("state"), 1);
  for (size_t i = 0; i < COUNT(modes); i++) {
    CHILD_CHECK(mkdir(in_place("state/shop"), 0700) == 0);
    usleep(20000); /* so that the times of the two changes differ, which the file system keeps only coarsely */
    CHILD_CHECK(chmod(in_place("state/shop"), modes[i]) == 0);
    lily_session_storage *storage = UNTOUCHED;
    CHILD_CHECK(open_shop(&storage) == LILY_SESSION_ERROR_PERMISSION && storage == NULL);
    struct stat is;
    CHILD_CHECK(stat(in_place("state/shop"), &is) == 0 && (is.st_mode & 07777) == modes[i]);
    CHILD_CHECK(rmdir(in_place("state/shop")) == 0);
  }
  return 0;
}

TEST(default_folders__S18_a_locked_one_stays_so) {
  give_place();
  assert_int_equal(in_child(open_what_is_locked, NULL), 0);
}
