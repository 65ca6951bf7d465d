/* Another program that has a journal open: helper_change PATH COMMAND [KEY [JSON]], with the commands set, remove, clear and
   sync. Returns by its exit code: 0, or the failure. */
#include <lily_session.h>
#include <string.h>

int main(int count, char **arguments) {
  lily_session_storage *storage = NULL;
  if (count < 3) return 100;
  const char *command = arguments[2], *key = count > 3 ? arguments[3] : "", *json = count > 4 ? arguments[4] : "";
  lily_session_status status = lily_session_storage_open(arguments[1], NULL, &storage);
  if (status != LILY_SESSION_OK) return -status;
  if (strcmp(command, "set") == 0) status = lily_session_storage_set(storage, key, json, strlen(json), 0);
  else if (strcmp(command, "remove") == 0) status = lily_session_storage_remove(storage, key);
  else if (strcmp(command, "clear") == 0) status = lily_session_clear(storage);
  else if (strcmp(command, "sync") == 0) status = lily_session_storage_sync(storage);
  else status = -101;
  lily_session_storage_close(storage);
  return -status;
}
