/* A shop whose session survives the end of the program, kill -9 included.
 *
 *   shop show | where | login NAME | theme NAME | add ITEM | logout
 *   shop hammer     updates for ever, and prints the number of each visit once it is stored: it is made to be killed */
#include <inttypes.h>
#include <lily_session.h>
#include <stdio.h>
#include <string.h>

/* The model. The first four members are saved; logout needs the storage. */
struct shop { char token[64], theme[16], cart[1024]; int64_t visits; lily_session_storage *storage; };
static const struct shop empty = { "", "light", "[]", 0, NULL };

/* Plain members need no callbacks. The cart does: it is stored as JSON, ["apple","pear"], not as a string. */
static lily_session_status get_cart(void *context, const void *session, lily_session_value *out) {
  const struct shop *shop = session;
  (void)context;
  out->type = LILY_SESSION_JSON;
  out->as.text.bytes = shop->cart;
  out->as.text.length = strlen(shop->cart);
  return LILY_SESSION_OK;
}

static lily_session_status set_cart(void *context, void *session, const lily_session_value *value) {
  struct shop *shop = session;
  (void)context;
  if (value->as.text.bytes[0] != '[' || value->as.text.length >= sizeof shop->cart) return LILY_SESSION_ERROR_DECODE; /* stays in the file */
  memcpy(shop->cart, value->as.text.bytes, value->as.text.length + 1);
  return LILY_SESSION_OK;
}

static bool put(char *into, size_t size, const char *text) { return text[0] && snprintf(into, size, "%s", text) < (int)size; }

static bool add(struct shop *shop, const char *item) {
  size_t kept = strlen(shop->cart) - 1; /* everything except the ] */
  if (strpbrk(item, "\"\\\n\t") || kept + strlen(item) + sizeof ",\"\"]" > sizeof shop->cart) return false;
  snprintf(shop->cart + kept, sizeof shop->cart - kept, "%s\"%s\"]", kept > 1 ? "," : "", item);
  return true;
}

/* What can happen to the model. A message is the words of the command line; NULL refuses it. */
static void *update(void *context, void *model, const void *message) {
  const char *verb = ((char *const *)message)[0], *text = ((char *const *)message)[1];
  struct shop *shop = model, next = *shop;
  (void)context;
  if (strcmp(verb, "logout") == 0) {
    if (lily_session_clear(shop->storage)) return NULL; /* removes all that is stored */
    next = empty;
    next.storage = shop->storage;
  } else {
    if (strcmp(verb, "hammer") == 0) snprintf(next.cart, sizeof next.cart, "[\"item %" PRId64 "\"]", next.visits + 1);
    else if (strcmp(verb, "login") == 0 ? !put(next.token, sizeof next.token, text)
             : strcmp(verb, "theme") == 0 ? !put(next.theme, sizeof next.theme, text) : !add(&next, text)) return NULL;
    next.visits++; /* in one write with the change above: both are stored, or neither */
  }
  *shop = next;
  return shop;
}

static int run(lily_session_runtime *runtime, char **words) {
  const struct shop *shop = lily_session_runtime_model(runtime);
  bool hammers = strcmp(words[0], "hammer") == 0;
  if (strcmp(words[0], "where") == 0) return puts(lily_session_storage_path(shop->storage)) < 0;
  if (strcmp(words[0], "show") == 0)
    return printf("token %s, theme %s, cart %s, visits %" PRId64 "\n", shop->token[0] ? shop->token : "none", shop->theme, shop->cart, shop->visits) < 0;
  do {
    if (lily_session_runtime_dispatch(runtime, words)) return 1;
    if (hammers && (printf("%" PRId64 "\n", shop->visits) < 0 || fflush(stdout))) return 1; /* from here on it survives a kill */
  } while (hammers);
  return 0;
}

int main(int argc, char **argv) {
  static const char *const verbs[] = { "show", "where", "hammer", "logout", "login", "theme", "add" }; /* the last three need a word */
  size_t verb = 0;
  while (verb < 7 && strcmp(argc > 1 ? argv[1] : "", verbs[verb]) != 0) verb++;
  if (verb == 7 || argc != (verb < 4 ? 2 : 3))
    return fputs("usage: shop show | where | login NAME | theme NAME | add ITEM | hammer | logout\n", stderr), 2;
  struct shop shop = empty;
  lily_session_field cart = LILY_SESSION_FIELD_INIT;
  cart.key = "cart", cart.types = LILY_SESSION_JSON, cart.get = get_cart, cart.set = set_cart;
  lily_session_field fields[] = { LILY_SESSION_FIELD_CHARS(struct shop, token), LILY_SESSION_FIELD_CHARS(struct shop, theme), cart,
                                  LILY_SESSION_FIELD_INT64(struct shop, visits) };
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;

  options.application = "shop"; /* names the default place */
  int failed = lily_session_storage_open(NULL, &options, &shop.storage);
  config.storage = shop.storage;
  for (size_t i = 0; !failed && i < sizeof fields / sizeof *fields; i++) failed = lily_session_field_add(list, &fields[i]);
  failed = failed || lily_session_runtime_new(&shop, update, NULL, &runtime)
    || lily_session_attach(runtime, list, &config, &session) /* fills the model */
    || run(runtime, argv + 1)
    || lily_session_flush(session); /* detach would flush, too, but could not return that it failed */
  if (failed) fprintf(stderr, "shop: %s\n", lily_session_last_error());

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
  lily_session_storage_close(shop.storage);
  return failed != 0;
}
