/* The native half of the round trip with a page. It reads what the page wrote, and changes a field.
 *
 *   page show | visit */
#include <inttypes.h>
#include <lily_session.h>
#include <stdio.h>
#include <string.h>

struct page { char theme[16]; int64_t visits; char name[64]; };

int main(int argc, char **argv) {
  struct page page = { "", 0, "" };
  lily_session_field fields[] = { LILY_SESSION_FIELD_CHARS(struct page, theme), LILY_SESSION_FIELD_INT64(struct page, visits),
                                  LILY_SESSION_FIELD_CHARS(struct page, name) };
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  lily_session_storage *storage = NULL;

  options.application = "page";
  int failed = lily_session_storage_open(NULL, &options, &storage);
  config.storage = storage;
  for (size_t i = 0; !failed && i < sizeof fields / sizeof *fields; i++) failed = lily_session_field_add(list, &fields[i]);
  failed = failed || lily_session_runtime_new(&page, NULL, NULL, &runtime) || lily_session_attach(runtime, list, &config, &session);
  if (!failed && argc > 1 && strcmp(argv[1], "visit") == 0) {
    page.visits++;
    failed = lily_session_flush(session);
  }
  if (failed) fprintf(stderr, "page: %s\n", lily_session_last_error());
  else printf("theme %s, visits %" PRId64 ", name %s\n", page.theme, page.visits, page.name);

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
  lily_session_storage_close(storage);
  return failed != 0;
}
