/* S3 and S27: what happens between two looks of one call, or lets one of them fail. This program defines statx, by which the library looks at the
   file, and write, which it finds before the C library's. Where the C library has no statx, it is fstat. */
#include "journal.h"
#include "pair.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Counts down with each look. At 0, `happens` runs, or the look fails. */
static int looks_left = -1;
static void (*happens)(void);
static bool arms_at_write;

static bool look_fails(void) {
  if (looks_left < 0 || looks_left-- > 0) return false;
  if (happens == NULL) return errno = EIO, true;
  happens();
  return false;
}

#ifdef STATX_SIZE
int statx(int directory, const char *restrict path, int flags, unsigned mask, struct statx *restrict status) {
  return look_fails() ? -1 : (int)syscall(SYS_statx, directory, path, flags, mask, status);
}
#else
int fstat(int file, struct stat *status) { return look_fails() ? -1 : fstatat(file, "", status, AT_EMPTY_PATH); }
#endif

ssize_t write(int file, const void *bytes, size_t count) {
  if (arms_at_write) arms_at_write = false, looks_left = 0;
  return syscall(SYS_write, file, bytes, count);
}

/* ---- another program stores a field and an entry of a map in one step */

static lily_session_storage *other;
static char text[20]; /* of the one entry of the map, or empty */

static lily_session_status each(void *context, const void *session, lily_session_map_visit_fn visit, void *visitor) {
  lily_session_value value = {.type = LILY_SESSION_STRING};
  (void)context, (void)session;
  value.as.text.bytes = text;
  value.as.text.length = strlen(text);
  return text[0] ? visit(visitor, "1", &value) : LILY_SESSION_OK;
}

static lily_session_status set(void *context, void *session, const char *id, const lily_session_value *value) {
  (void)context, (void)session, (void)id;
  snprintf(text, sizeof text, "%s", value ? value->as.text.bytes : "");
  return LILY_SESSION_OK;
}

static void store_both(void) {
  const lily_session_entry entries[] = {{.key = "lily_session_theme", .json = "\"new\"", .length = 5},
                                        {.key = "lily_session_doc/1", .json = "\"new\"", .length = 5}};
  assert_ok(lily_session_storage_write(other, entries, COUNT(entries)));
}

TEST(moments__S3_an_update_is_seen_whole) {
  for (int refreshes = 0; refreshes < 2; refreshes++) {
    for (int look = 0, is_over = 0; !is_over; look++) {
      struct rig rig;
      struct probe theme;
      lily_session_map map = LILY_SESSION_MAP_INIT;
      map.prefix = "doc/";
      map.types = LILY_SESSION_STRING;
      map.each = each;
      map.set = set;
      lily_session_storage *storage = open_storage(JOURNAL);
      other = open_storage(JOURNAL);
      assert_ok(set_text(other, "lily_session_theme", "\"old\""));
      assert_ok(set_text(other, "lily_session_doc/1", "\"old\""));
      text[0] = 0;
      rig_lend(&rig, storage);
      rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
      probe_string(&theme, "light");
      assert_ok(lily_session_map_add(rig.fields, &map));
      happens = store_both;
      if (refreshes) rig_attach(&rig);
      looks_left = look;
      if (refreshes) assert_ok(lily_session_refresh(rig.session));
      else rig_attach(&rig);
      is_over = looks_left >= 0; /* the call has not so many looks */
      looks_left = -1;
      assert_string_equal(theme.text, text);
      rig_end(&rig);
      lily_session_storage_close(storage);
      lily_session_storage_close(other);
      assert_int_equal(unlink(JOURNAL), 0);
    }
  }
}

/* ---- the look after a modification fails */

static lily_session_status count(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  (void)context;
  out_value->type = LILY_SESSION_INT;
  out_value->as.integer = stored ? stored->as.integer + 1 : 1;
  return LILY_SESSION_OK;
}

/* CALLBACK says that the value is stored. Whoever heard anything else would count again. */
TEST(moments__S27_a_modification_that_cannot_be_followed) {
  struct side side;
  lily_session_storage *storage = open_storage(JOURNAL);
  side_start(&side, storage, (struct side_options){0});
  happens = NULL;
  arms_at_write = true;
  assert_fails(CALLBACK, lily_session_modify(side.rig.session, "visits", count, NULL));
  assert_stored(storage, "lily_session_visits", "1");
  assert_ok(lily_session_refresh(side.rig.session));
  assert_int_equal(side.visits.value.as.integer, 1);
  rig_end(&side.rig);
  lily_session_storage_close(storage);
}
