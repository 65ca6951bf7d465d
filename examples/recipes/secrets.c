/* A token that is sealed before the library sees it, with libsodium and a passphrase. It must also be linked with -lsodium.
 *
 *   secrets [TOKEN]     stores it, and shows what is stored; the passphrase comes from standard input */
#include <lily_session.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { NONCE = crypto_secretbox_NONCEBYTES, SEAL = crypto_secretbox_MACBYTES, TOKEN = 64, BOX = NONCE + SEAL + TOKEN };

struct app {
  char salt[2 * crypto_pwhash_SALTBYTES + 1]; /* in hex; it is not secret */
  char sealed[2 * BOX + 1];                   /* hex of a nonce and a box; "" without a token */
  char token[TOKEN];
  char passphrase[128];
};

static int fail(void) { fprintf(stderr, "secrets: %s\n", lily_session_last_error()); return 1; }

static bool make_key(const struct app *app, unsigned char key[crypto_secretbox_KEYBYTES]) {
  unsigned char salt[crypto_pwhash_SALTBYTES];
  return sodium_hex2bin(salt, sizeof salt, app->salt, strlen(app->salt), NULL, NULL, NULL) == 0
    && crypto_pwhash(key, crypto_secretbox_KEYBYTES, app->passphrase, strlen(app->passphrase), salt, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                     crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_DEFAULT) == 0;
}

/* Seals once for each change, and not in get_token: a nonce is new each time, so get_token would see a change at every update. */
static bool set_token(struct app *app, const char *token) {
  unsigned char key[crypto_secretbox_KEYBYTES], padded[TOKEN] = "", box[BOX], salt[crypto_pwhash_SALTBYTES];
  if (!app->salt[0]) { /* the first token of all; the salt is stored with it, in one write */
    randombytes_buf(salt, sizeof salt);
    sodium_bin2hex(app->salt, sizeof app->salt, salt, sizeof salt);
  }
  if (strlen(token) >= TOKEN || !make_key(app, key)) return false;
  strcpy((char *)padded, token);
  randombytes_buf(box, NONCE);
  crypto_secretbox_easy(box + NONCE, padded, TOKEN, box, key);
  sodium_bin2hex(app->sealed, sizeof app->sealed, box, BOX);
  strcpy(app->token, token);
  sodium_memzero(key, sizeof key);
  sodium_memzero(padded, sizeof padded);
  return true;
}

static lily_session_status get_sealed(void *context, const void *session, lily_session_value *out) {
  const struct app *app = session;
  (void)context;
  out->type = LILY_SESSION_STRING;
  out->as.text.bytes = app->sealed;
  out->as.text.length = strlen(app->sealed);
  return LILY_SESSION_OK;
}

static lily_session_status open_sealed(void *context, void *session, const lily_session_value *value) {
  struct app *app = session;
  unsigned char key[crypto_secretbox_KEYBYTES], box[BOX];
  size_t length = 0;
  (void)context;
  if (value->as.text.length == 0) { /* there is no token, for example because another program has logged out */
    app->sealed[0] = app->token[0] = '\0';
    return LILY_SESSION_OK;
  }
  if (sodium_hex2bin(box, BOX, value->as.text.bytes, value->as.text.length, NULL, &length, NULL)
      || length != BOX || !make_key(app, key)) return LILY_SESSION_ERROR_DECODE;
  unsigned char *token = (unsigned char *)app->token;
  const int wrong = crypto_secretbox_open_easy(token, box + NONCE, SEAL + TOKEN, box, key);
  sodium_memzero(key, sizeof key);
  if (wrong) return LILY_SESSION_ERROR_DECODE; /* another passphrase, or not a box of this program: it stays in the file */
  strcpy(app->sealed, value->as.text.bytes);
  return LILY_SESSION_OK;
}

static void on_event(void *context, const lily_session_event *event) {
  (void)context;
  if (event->kind == LILY_SESSION_EVENT_REJECTED) printf("%s cannot be opened with this passphrase\n", event->key);
}

int main(int argc, char **argv) {
  struct app app = { "", "", "", "" };
  if (argc > 2 || sodium_init() < 0 || !fgets(app.passphrase, sizeof app.passphrase, stdin))
    return fputs("usage: secrets [TOKEN], with a passphrase on standard input\n", stderr), 2;
  app.passphrase[strcspn(app.passphrase, "\n")] = '\0';

  lily_session_field salt = LILY_SESSION_FIELD_CHARS(struct app, salt), token = LILY_SESSION_FIELD_INIT;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  token.key = "token", token.types = LILY_SESSION_STRING, token.get = get_sealed, token.set = open_sealed;
  options.application = "secrets";
  config.on_event = on_event;
  if (lily_session_storage_open(NULL, &options, &config.storage)
      || lily_session_field_add(fields, &salt) || lily_session_field_add(fields, &token) /* in this order, because the token needs the salt */
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  if (argc > 1 && !set_token(&app, argv[1])) return fputs("secrets: the token is too long\n", stderr), 1;
  if (lily_session_persist(session)) return fail();
  printf("token %s\n", app.token[0] ? app.token : "none");

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  sodium_memzero(&app, sizeof app);
  return 0;
}
