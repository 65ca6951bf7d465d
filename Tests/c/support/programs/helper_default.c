/* Opens the default place without naming an application, and returns by its exit code: 0 and the path on standard output, or
   the failure and its message there. Tests copy this program under other names. */
#include <lily_session.h>
#include <stdio.h>

int main(void) {
  lily_session_storage *storage = NULL;
  lily_session_status status = lily_session_storage_open(NULL, NULL, &storage);
  puts(status == LILY_SESSION_OK ? lily_session_storage_path(storage) : lily_session_last_error());
  lily_session_storage_close(storage);
  return -status;
}
