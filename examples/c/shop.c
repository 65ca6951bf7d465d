/* A shop whose session survives the end of the program, kill -9 included.
 *
 *   shop show | where | login NAME | theme light|dark | add ITEM | logout
 *   shop hammer     updates for ever, and prints the number of each visit once it is stored: made to be killed */
#include <inttypes.h>
#include <lily_session.h>
#include <stdio.h>
#include <string.h>

/* The model. The first four members survive; the storage is there for logout. */
struct shop {
  char token[64];  /* stored as a string, or null while nobody is logged in */
  bool dark;       /* stored as "light" or "dark" */
  char cart[1024]; /* JSON, stored as it is: ["apple","pear"] */
  int64_t visits;
  lily_session_storage *storage;
};

/* ---- how three of them are read and set; what `set` refuses stays in the file as it is */

static lily_session_status give(lily_session_value *out, int32_t type, const char *text) {
  out->type = type;
  out->as.text.bytes = text;
  out->as.text.length = strlen(text);
  return LILY_SESSION_OK;
}

static lily_session_status take(char *into, size_t size, const lily_session_value *value) {
  if (value->as.text.length >= size) return LILY_SESSION_ERROR_DECODE;
  memcpy(into, value->as.text.bytes, value->as.text.length + 1);
  return LILY_SESSION_OK;
}

static lily_session_status get_token(void *context, const void *session, lily_session_value *out) {
  const struct shop *shop = session;
  (void)context;
  return give(out, shop->token[0] ? LILY_SESSION_STRING : LILY_SESSION_NULL, shop->token);
}

static lily_session_status set_token(void *context, void *session, const lily_session_value *value) {
  struct shop *shop = session;
  (void)context;
  if (value->type == LILY_SESSION_STRING) return take(shop->token, sizeof shop->token, value);
  shop->token[0] = '\0';
  return LILY_SESSION_OK;
}

static lily_session_status get_theme(void *context, const void *session, lily_session_value *out) {
  const struct shop *shop = session;
  (void)context;
  return give(out, LILY_SESSION_STRING, shop->dark ? "dark" : "light");
}

static lily_session_status set_theme(void *context, void *session, const lily_session_value *value) {
  bool dark = strcmp(value->as.text.bytes, "dark") == 0;
  (void)context;
  if (!dark && strcmp(value->as.text.bytes, "light") != 0) return LILY_SESSION_ERROR_DECODE;
  ((struct shop *)session)->dark = dark;
  return LILY_SESSION_OK;
}

static lily_session_status get_cart(void *context, const void *session, lily_session_value *out) {
  const struct shop *shop = session;
  (void)context;
  return give(out, LILY_SESSION_JSON, shop->cart);
}

static lily_session_status set_cart(void *context, void *session, const lily_session_value *value) {
  struct shop *shop = session;
  (void)context;
  if (value->as.text.bytes[0] != '[') return LILY_SESSION_ERROR_DECODE;
  return take(shop->cart, sizeof shop->cart, value);
}

static lily_session_field field(const char *key, int32_t types, lily_session_get_fn get, lily_session_set_fn set) {
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  field.key = key;
  field.types = types;
  field.get = get;
  field.set = set;
  return field;
}

/* ---- what can happen to the model */

struct message {
  enum { SHOW, WHERE, LOGIN, THEME, ADD, HAMMER, LOGOUT, UNKNOWN } kind;
  const char *text;
};

/* Puts an item, which must not need escaping in JSON, into the cart. */
static bool add(struct shop *shop, const char *item) {
  size_t kept = strlen(shop->cart) - 1; /* all but the ] */
  if (kept + strlen(item) + sizeof ",\"\"]" > sizeof shop->cart) return false;
  for (const char *at = item; *at; at++)
    if ((unsigned char)*at < ' ' || *at == '"' || *at == '\\') return false;
  snprintf(shop->cart + kept, sizeof shop->cart - kept, "%s\"%s\"]", kept > 1 ? "," : "", item);
  return true;
}

/* NULL refuses a message; the model is then as it was. */
static void *update(void *context, void *model, const void *argument) {
  const struct message *message = argument;
  struct shop *shop = model;
  (void)context;
  switch (message->kind) {
    case LOGIN:
      if (!message->text[0] || strlen(message->text) >= sizeof shop->token) return NULL;
      strcpy(shop->token, message->text);
      break;
    case THEME: shop->dark = strcmp(message->text, "dark") == 0; break;
    case ADD: if (!add(shop, message->text)) return NULL; break;
    case HAMMER: snprintf(shop->cart, sizeof shop->cart, "[\"item %" PRId64 "\"]", shop->visits + 1); break;
    case LOGOUT:
      if (lily_session_clear(shop->storage)) return NULL; /* removes all that is stored */
      *shop = (struct shop){ .cart = "[]", .storage = shop->storage };
      return shop;
    default: return NULL;
  }
  shop->visits++; /* in one write with what changed above: both are stored, or neither */
  return shop;
}

/* ---- the program */

static void tell(void *context, const lily_session_event *event) {
  (void)context;
  fprintf(stderr, "shop: %s: %s\n", event->key ? event->key : "the file", lily_session_status_name(event->status));
}

static int fail(void) {
  fprintf(stderr, "shop: %s\n", lily_session_last_error());
  return 1;
}

static int run(lily_session_runtime *runtime, const struct message *message) {
  const struct shop *shop = lily_session_runtime_model(runtime);
  if (message->kind == WHERE) return puts(lily_session_storage_path(shop->storage)) < 0;
  if (message->kind == SHOW)
    return printf("token %s, theme %s, cart %s, visits %" PRId64 "\n", shop->token[0] ? shop->token : "none",
                  shop->dark ? "dark" : "light", shop->cart, shop->visits) < 0;
  do {
    if (lily_session_runtime_dispatch(runtime, message)) return fail();
    /* From here on it survives a kill. */
    if (message->kind == HAMMER && (printf("%" PRId64 "\n", shop->visits) < 0 || fflush(stdout))) return 1;
  } while (message->kind == HAMMER);
  return 0;
}

int main(int argc, char **argv) {
  static const char *const names[] = { "show", "where", "login", "theme", "add", "hammer", "logout" };
  struct message message = { SHOW, argc > 2 ? argv[2] : "" };
  while (message.kind < UNKNOWN && strcmp(argc > 1 ? argv[1] : "", names[message.kind])) message.kind++;
  bool takes_text = message.kind == LOGIN || message.kind == THEME || message.kind == ADD;
  if (message.kind == UNKNOWN || argc != 2 + takes_text) {
    fputs("usage: shop show | where | login NAME | theme light|dark | add ITEM | hammer | logout\n", stderr);
    return 2;
  }

  struct shop shop = { .cart = "[]" };
  lily_session_field fields[] = {
    field("token", LILY_SESSION_STRING | LILY_SESSION_NULL, get_token, set_token),
    field("theme", LILY_SESSION_STRING, get_theme, set_theme),
    field("cart", LILY_SESSION_JSON, get_cart, set_cart),
    LILY_SESSION_FIELD_INT64(struct shop, visits), /* a plain member needs no callbacks */
  };
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;

  options.application = "shop"; /* names the default place */
  config.on_event = tell;
  lily_session_status status = lily_session_storage_open(NULL, &options, &shop.storage);
  config.storage = shop.storage;
  for (size_t i = 0; !status && i < sizeof fields / sizeof *fields; i++) status = lily_session_field_add(list, &fields[i]);
  if (!status) status = lily_session_runtime_new(&shop, update, NULL, &runtime);
  if (!status) status = lily_session_attach(runtime, list, &config, &session); /* fills the model */
  int result = status ? fail() : run(runtime, &message);
  if (!result && lily_session_flush(session)) result = fail(); /* detach flushes too, and could not say that it failed */

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
  lily_session_storage_close(shop.storage);
  return result;
}
