/* A shop whose session survives the end of the program, kill -9 included.
 *
 *   shop show | where | login NAME | theme NAME | add ITEM | logout
 *   shop hammer     adds nails for ever, and prints the number of each visit once it is stored: it is made to be killed */
#include <inttypes.h>
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 64 };
struct item { char name[64]; int64_t count; };

/* The model. All is saved but the storage, which logout needs. */
struct shop {
  char token[64], theme[16];
  struct item cart[MOST_ITEMS];
  size_t item_count;
  int64_t visits;
  lily_session_storage *storage;
};
static const struct shop empty = { .theme = "light" };

/* Returns the item of this name, which is added if need be; NULL if the cart does not take it. */
static struct item *find_or_add(struct shop *shop, const char *name) {
  for (size_t at = 0; at < shop->item_count; at++)
    if (strcmp(shop->cart[at].name, name) == 0) return &shop->cart[at];
  if (shop->item_count == MOST_ITEMS || !name[0] || strlen(name) >= sizeof shop->cart->name) return NULL;
  struct item *item = &shop->cart[shop->item_count++];
  strcpy(item->name, name);
  item->count = 0;
  return item;
}

/* The other members need no callbacks. The cart is a map: each item is stored under a key of its own, such as cart/apple, so that two shops
 * that add different items lose nothing. */
static lily_session_status each_item(void *context, const void *model, lily_session_map_visit_fn visit, void *visitor) {
  const struct shop *shop = model;
  (void)context;
  for (size_t at = 0; at < shop->item_count; at++) {
    lily_session_value value = { .type = LILY_SESSION_INT, .as.integer = shop->cart[at].count };
    visit(visitor, shop->cart[at].name, &value);
  }
  return LILY_SESSION_OK;
}

static lily_session_status set_item(void *context, void *model, const char *name, const lily_session_value *value) {
  struct shop *shop = model;
  struct item *item = find_or_add(shop, name);
  (void)context;
  if (!item) return value ? LILY_SESSION_ERROR_QUOTA : LILY_SESSION_OK; /* what has no room here stays in the file */
  if (value) item->count = value->as.integer;
  else *item = shop->cart[--shop->item_count]; /* another shop has removed it */
  return LILY_SESSION_OK;
}

static bool put(char *into, size_t size, const char *text) { return text[0] && snprintf(into, size, "%s", text) < (int)size; }

static bool add(struct shop *shop, const char *name) {
  struct item *item = find_or_add(shop, name);
  if (item) item->count++;
  return item;
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
    if (strcmp(verb, "login") == 0 ? !put(next.token, sizeof next.token, text)
        : strcmp(verb, "theme") == 0 ? !put(next.theme, sizeof next.theme, text) : !add(&next, text)) return NULL;
    next.visits++; /* in one write with the change above: both are stored, or neither */
  }
  *shop = next;
  return shop;
}

static int by_name(const void *one, const void *other) { return strcmp(((const struct item *)one)->name, ((const struct item *)other)->name); }

static int show(struct shop shop) {
  qsort(shop.cart, shop.item_count, sizeof *shop.cart, by_name);
  printf("token %s, theme %s, cart [", shop.token[0] ? shop.token : "none", shop.theme);
  for (size_t at = 0; at < shop.item_count; at++) printf("%s%" PRId64 " %s", at ? ", " : "", shop.cart[at].count, shop.cart[at].name);
  return printf("], visits %" PRId64 "\n", shop.visits) < 0;
}

static int run(lily_session_runtime *runtime, char **words) {
  const struct shop *shop = lily_session_runtime_model(runtime);
  char *nail[] = { "add", "nail" };
  bool hammers = strcmp(words[0], "hammer") == 0;
  if (strcmp(words[0], "where") == 0) return puts(lily_session_storage_path(shop->storage)) < 0;
  if (strcmp(words[0], "show") == 0) return show(*shop);
  do {
    if (lily_session_runtime_dispatch(runtime, hammers ? nail : words)) return 1;
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
  const lily_session_field fields[] = { LILY_SESSION_FIELD_CHARS(struct shop, token), LILY_SESSION_FIELD_CHARS(struct shop, theme),
                                        LILY_SESSION_FIELD_INT64(struct shop, visits) };
  lily_session_map cart = LILY_SESSION_MAP_INIT;
  cart.prefix = "cart/", cart.types = LILY_SESSION_INT, cart.each = each_item, cart.set = set_item;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;

  options.application = "shop"; /* names the default place */
  int failed = lily_session_storage_open(NULL, &options, &shop.storage);
  config.storage = shop.storage;
  failed = failed || lily_session_fields_add(list, fields, sizeof fields / sizeof *fields) || lily_session_map_add(list, &cart)
    || lily_session_runtime_new(&shop, update, NULL, &runtime)
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
