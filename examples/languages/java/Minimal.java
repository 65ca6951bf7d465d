import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** What is used of lily_session.h. */
interface Lily extends Library {
  Lily lily = Native.load("liblily_session.so.0", Lily.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));
  int INT = 4, STRING = 16, OK = 0, ERROR_CALLBACK = -12;

  interface Get extends Callback { int call(Pointer context, Pointer session, Pointer outValue); }
  interface Set extends Callback { int call(Pointer context, Pointer session, Pointer value); }

  String lily_session_last_error();
  int lily_session_storage_open(String path, StorageOptions options, PointerByReference outStorage);
  void lily_session_storage_close(Pointer storage);
  int lily_session_clear(Pointer storage);
  Pointer lily_session_persistence_new();
  int lily_session_field_add(Pointer persistence, Field field);
  void lily_session_persistence_free(Pointer persistence);
  int lily_session_runtime_new(Pointer model, Pointer update, Pointer context, PointerByReference outRuntime);
  void lily_session_runtime_free(Pointer runtime);
  int lily_session_attach(Pointer runtime, Pointer persistence, Config config, PointerByReference outSession);
  int lily_session_persist(Pointer session);
  void lily_session_detach(Pointer session);
  void lily_session_value_set_int(Pointer outValue, long integer);
  long lily_session_value_get_int(Pointer value);
  void lily_session_value_set_string(Pointer outValue, Pointer bytes, long length);
  Pointer lily_session_value_get_string(Pointer value, long[] outLength);

  /** A struct that begins with its size. All other members are zero. */
  abstract class Sized extends Structure {
    public long size;
    protected Sized() { setStringEncoding("UTF-8"); size = size(); }
  }

  @Structure.FieldOrder({"size", "durability", "flags", "application", "quotaBytes", "clock", "context"})
  class StorageOptions extends Sized {
    public int durability, flags;
    public String application;
    public long quotaBytes;
    public Pointer clock, context;
  }

  /** The first members of lily_session_field, to which its size says that the rest is missing. */
  @Structure.FieldOrder({"size", "key", "types", "get", "set", "context", "release", "expiresAfterMs", "version", "migrate", "formerKeys",
                         "memberType", "memberOffset", "memberSize"})
  class Field extends Sized {
    public String key;
    public int types;
    public Get get;
    public Set set;
    public Pointer context, release;
    public long expiresAfterMs;
    public int version;
    public Pointer migrate, formerKeys;
    public int memberType;
    public long memberOffset, memberSize;
  }

  @Structure.FieldOrder({"size", "storage", "get", "set", "revision", "onEvent", "context", "release"})
  class Config extends Sized {
    public Pointer storage, get, set, revision, onEvent, context, release;
  }

  /** Throws what a call has said, on the thread that made the call. */
  static void check(int status) {
    if (status != OK) throw new IllegalStateException(lily.lily_session_last_error());
  }

  static Pointer made(Function<PointerByReference, Integer> make) {
    PointerByReference out = new PointerByReference();
    check(make.apply(out));
    return out.getValue();
  }
}

/** A session whose fields are read and set by lambdas. One thread at a time may use it. */
final class Session implements AutoCloseable {
  private final Pointer fields = Lily.lily.lily_session_persistence_new();
  private final List<Object> kept = new ArrayList<>(); // The library has pointers to these callbacks, which do not keep them.
  private Pointer storage, runtime, session;

  Session integer(String key, LongSupplier get, LongConsumer set) {
    return add(key, Lily.INT,
        value -> Lily.lily.lily_session_value_set_int(value, get.getAsLong()),
        value -> set.accept(Lily.lily.lily_session_value_get_int(value)));
  }

  Session text(String key, Supplier<String> get, Consumer<String> set) {
    Memory[] given = new Memory[1]; // The library borrows the text until the next get.
    return add(key, Lily.STRING,
        value -> {
          byte[] bytes = get.get().getBytes(StandardCharsets.UTF_8);
          given[0] = new Memory(bytes.length + 1L);
          given[0].write(0, bytes, 0, bytes.length);
          Lily.lily.lily_session_value_set_string(value, given[0], bytes.length);
        },
        value -> {
          long[] length = new long[1];
          Pointer bytes = Lily.lily.lily_session_value_get_string(value, length);
          set.accept(new String(bytes.getByteArray(0, (int) length[0]), StandardCharsets.UTF_8));
        });
  }

  private Session add(String key, int types, Consumer<Pointer> get, Consumer<Pointer> set) {
    Lily.Field field = new Lily.Field();
    field.key = key;
    field.types = types;
    field.get = (context, model, value) -> guarded(get, value);
    field.set = (context, model, value) -> guarded(set, value);
    Lily.check(Lily.lily.lily_session_field_add(fields, field));
    kept.add(field);
    return this;
  }

  /** An exception must not leave a callback: JNA would return 0, which means that all is well. */
  private static int guarded(Consumer<Pointer> body, Pointer value) {
    try {
      body.accept(value);
      return Lily.OK;
    } catch (Throwable e) {
      return Lily.ERROR_CALLBACK;
    }
  }

  /** Opens the program's file, and sets the fields from it. */
  Session open(String application) {
    Lily.StorageOptions options = new Lily.StorageOptions();
    options.application = application;
    storage = Lily.made(out -> Lily.lily.lily_session_storage_open(null, options, out));
    runtime = Lily.made(out -> Lily.lily.lily_session_runtime_new(storage, null, null, out)); // The lambdas know the model; any pointer will do.
    Lily.Config config = new Lily.Config();
    config.storage = storage;
    session = Lily.made(out -> Lily.lily.lily_session_attach(runtime, fields, config, out));
    return this;
  }

  void persist() { Lily.check(Lily.lily.lily_session_persist(session)); }
  void clear() { Lily.check(Lily.lily.lily_session_clear(storage)); }

  @Override public void close() {
    Lily.lily.lily_session_detach(session); // It reads the fields once more, so the callbacks must live until here.
    Lily.lily.lily_session_runtime_free(runtime);
    Lily.lily.lily_session_persistence_free(fields);
    Lily.lily.lily_session_storage_close(storage);
    kept.clear();
  }
}

final class App {
  long visits = 0;
  String theme = "light";
}

public final class Minimal {
  public static void main(String[] arguments) {
    App app = new App();
    try (Session session = new Session()
        .integer("visits", () -> app.visits, visits -> app.visits = visits)
        .text("theme", () -> app.theme, theme -> app.theme = theme)) {
      session.open("minimal"); // fills the app from the file
      if (arguments.length > 0 && arguments[0].equals("logout")) {
        session.clear(); // removes all that is stored
        return;
      }
      app.visits++;
      if (arguments.length > 0) app.theme = arguments[0];
      session.persist(); // stores what changed
      System.out.printf("visit %d, theme %s%n", app.visits, app.theme);
    } catch (IllegalStateException e) {
      System.err.println("minimal: " + e.getMessage());
      System.exit(1);
    }
  }
}
