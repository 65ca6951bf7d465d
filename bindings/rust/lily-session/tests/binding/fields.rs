use crate::support::*;
use lily_session::{Config, EventKind, Field, Json, Persistence, Runtime, Status, Storage, Stored, Types, Value};
use std::time::Duration;

/// A model with a field of each native type.
#[derive(Debug, Clone, PartialEq, Default)]
struct All {
    boolean: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    f64: f64,
    string: String,
    json: Json,
    maybe: Option<i32>,
    name: Option<String>,
}

macro_rules! fields {
    ($($name:ident)*) => {
        Persistence::<All>::new()$(.field(stringify!($name), |all| &all.$name, |all, value| all.$name = value))*
    };
}

fn all_fields() -> Persistence<All> {
    fields! { boolean i8 i16 i32 i64 u8 u16 u32 f64 string json maybe name }
}

#[test]
fn native_types_come_back() {
    let storage = Storage::in_memory().unwrap();
    let all = All {
        boolean: true,
        i8: i8::MIN,
        i16: i16::MIN,
        i32: i32::MIN,
        i64: i64::MIN,
        u8: u8::MAX,
        u16: u16::MAX,
        u32: u32::MAX,
        f64: 0.1,
        string: "a\0 \"crème\"".into(),
        json: Json("{\"b\":1e2,\"a\":[]}".into()),
        maybe: Some(7),
        name: Some(String::new()),
    };
    let mut runtime = Runtime::without_update(All::default());
    let session = runtime.attach(all_fields(), &storage).unwrap();
    *runtime.model_mut() = all.clone();
    runtime.persist(&session).unwrap();
    for (key, json) in [
        ("boolean", "true"),
        ("i64", "-9223372036854775808"),
        ("u32", "4294967295"),
        ("f64", "0.1"),
        ("string", r#""a\u0000 \"crème\"""#),
        ("json", r#"{"b":1e2,"a":[]}"#),
        ("maybe", "7"),
        ("name", r#""""#),
    ] {
        assert_eq!(stored(&storage, key).as_deref(), Some(json));
    }
    let mut again = Runtime::without_update(All::default());
    again.attach(all_fields(), &storage).unwrap();
    assert_eq!(again.model(), &all);

    runtime.model_mut().maybe = None;
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&storage, "maybe").as_deref(), Some("null"));
    let mut again = Runtime::without_update(All { maybe: Some(1), ..All::default() });
    again.attach(all_fields(), &storage).unwrap();
    assert_eq!(again.model().maybe, None);
}

#[test]
fn what_does_not_fit_is_rejected_and_stays() {
    for (key, json) in [
        ("i8", "128"),
        ("u8", "-1"),
        ("u32", "4294967296"),
        ("i64", "9223372036854775808"),
        ("i64", "1.0"),
        ("boolean", "1"),
        ("string", "null"),
        ("maybe", "\"x\""),
        ("f64", "\"x\""),
    ] {
        let storage = Storage::in_memory().unwrap();
        storage.set(&format!("lily_session_{key}"), json).unwrap();
        let told = Told::default();
        let tell = told.clone();
        let config = Config::new(&storage).on_event(move |event| {
            tell.lock()
                .unwrap()
                .push((event.kind, event.key.map(str::to_owned), event.status));
        });
        let mut runtime = Runtime::without_update(All::default());
        let session = runtime.attach(all_fields(), config).unwrap();
        assert_eq!(runtime.model(), &All::default());
        assert_eq!(runtime.field_state(&session, key).unwrap().stored, Stored::Rejected, "{key} {json}");
        assert_eq!(*told.lock().unwrap(), [(EventKind::Rejected, Some(key.into()), Some(Status::Decode))]);
        runtime.flush(&session).unwrap();
        assert_eq!(stored(&storage, key).as_deref(), Some(json));
    }
}

#[test]
fn json_that_is_none_fails_its_field_alone() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = Runtime::without_update(All::default());
    let session = runtime.attach(all_fields(), &storage).unwrap();
    runtime.model_mut().json = Json("{".into());
    runtime.model_mut().i64 = 1;
    fails(runtime.persist(&session), Status::Encode);
    assert_eq!((stored(&storage, "json"), stored(&storage, "i64").as_deref()), (None, Some("1")));
    runtime.model_mut().json = Json("{}".into());
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&storage, "json").as_deref(), Some("{}"));
}

#[test]
fn set_may_refuse() {
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_theme", "\"neon\"").unwrap();
    let fields = Persistence::new().field(
        "theme",
        |shop: &Shop| &shop.theme,
        |shop, theme: String| {
            if theme == "neon" {
                return Err("no such theme");
            }
            shop.theme = theme;
            Ok(())
        },
    );
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(fields, &storage).unwrap();
    assert_eq!(runtime.model().theme, "light");
    assert_eq!(runtime.field_state(&session, "theme").unwrap().stored, Stored::Rejected);
    assert_eq!(stored(&storage, "theme").as_deref(), Some("\"neon\""));
}

#[test]
fn get_may_fail() {
    let storage = Storage::in_memory().unwrap();
    let visits = Field::dynamic(
        "visits",
        Types::INT,
        |shop: &Shop| if shop.visits < 0 { Err("negative".into()) } else { Ok(Value::Int(shop.visits)) },
        |_, _| Ok(()),
    );
    let fields = shop_fields_without_visits().with(visits);
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(fields, &storage).unwrap();
    *runtime.model_mut() = Shop { visits: -1, theme: "dark".into(), token: None };
    let error = fails(runtime.persist(&session), Status::Callback);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "negative");
    assert_eq!((stored(&storage, "theme").as_deref(), stored(&storage, "visits")), (Some("\"dark\""), None));
}

/// The first error is the source, as the first failure is the result. Calls of a storage in between do not change that.
#[test]
fn the_first_error_counts() {
    let storage = Storage::in_memory().unwrap();
    let (inside, also) = (storage.clone(), storage.clone());
    let failing = |key: &str, error: &'static str| {
        let inside = inside.clone();
        Field::dynamic(
            key,
            Types::INT,
            move |_: &Shop| {
                inside.get("none")?;
                Err(error.into())
            },
            |_, _| Ok(()),
        )
    };
    let fields = Persistence::new().with(failing("one", "first")).with(failing("two", "second"));
    let config = Config::new(&storage).on_event(move |_| assert_eq!(also.get("none").unwrap(), None));
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(fields, config).unwrap();
    let error = fails(runtime.persist(&session), Status::Callback);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "first");
    assert!(error.message().contains("one"), "{error}");
}

fn shop_fields_without_visits() -> Persistence<Shop> {
    Persistence::new().field("theme", |shop: &Shop| &shop.theme, |shop, theme| shop.theme = theme)
}

#[test]
fn expiry() {
    let (clock, storage) = Clock::new();
    let token = |duration| {
        Persistence::new().with(
            Field::new("token", |shop: &Shop| &shop.token, |shop, token| shop.token = token).expires_after(duration),
        )
    };
    let mut runtime = Runtime::without_update(Shop::default());
    // A duration is rounded up to whole milliseconds: 1.5 become 2.
    let session = runtime.attach(token(Duration::from_micros(1500)), &storage).unwrap();
    assert_eq!(runtime.next_expiry(&session), None);
    runtime.model_mut().token = Some("t".into());
    runtime.persist(&session).unwrap();
    assert_eq!(runtime.next_expiry(&session), Some(Duration::from_millis(2)));
    clock.advance(1);
    assert_eq!(runtime.next_expiry(&session), Some(Duration::from_millis(1)));
    // The value that another program has stored is renewed.
    storage.set("lily_session_token", "\"u\"").unwrap();
    runtime.touch(&session, "token").unwrap();
    assert_eq!(stored(&storage, "token").as_deref(), Some("\"u\""));
    storage.set("lily_session_token", "17").unwrap();
    fails(runtime.touch(&session, "token"), Status::Decode);
    runtime.model_mut().token = Some("v".into());
    runtime.persist(&session).unwrap();
    assert_eq!(runtime.next_expiry(&session), Some(Duration::from_millis(2)));
    clock.advance(2);
    assert_eq!(stored(&storage, "token"), None);
    assert_eq!(runtime.next_expiry(&session), Some(Duration::ZERO));
    runtime.refresh(&session).unwrap();
    assert_eq!(runtime.model().token, None);
    assert_eq!(runtime.field_state(&session, "token").unwrap().stored, Stored::Expired);
    fails(runtime.touch(&session, "theme"), Status::NotFound);
}

#[test]
fn versions_and_former_keys() {
    let storage = Storage::in_memory().unwrap();
    let volume = |version: u32| Field::new("volume", |n: &i64| n, |n, new| *n = new).version(version);
    let mut first = Runtime::without_update(0);
    let session = first.attach(Persistence::new().with(volume(1)), &storage).unwrap();
    *first.model_mut() = 5;
    first.flush(&session).unwrap();

    let fields = Persistence::new().with(volume(2).migrate(|version, json: &str| {
        assert_eq!((version, json), (1, "5"));
        json.parse::<i64>().map(|volume| volume * 10)
    }));
    let mut second = Runtime::without_update(0);
    let session = second.attach(fields, &storage).unwrap();
    assert_eq!(*second.model(), 50);
    let state = second.field_state(&session, "volume").unwrap();
    assert_eq!((state.stored, state.dirty), (Stored::Migrated, true));
    second.flush(&session).unwrap();
    assert_eq!(stored(&storage, "volume").as_deref(), Some("50"));

    let mut older = Runtime::without_update(0);
    let session = older.attach(Persistence::new().with(volume(1)), &storage).unwrap();
    assert_eq!((*older.model(), older.field_state(&session, "volume").unwrap().stored), (0, Stored::Newer));

    // Without a migration an older value is used as it is.
    let mut plain = Runtime::without_update(0);
    let session = plain.attach(Persistence::new().with(volume(3)), &storage).unwrap();
    let state = plain.field_state(&session, "volume").unwrap();
    assert_eq!((*plain.model(), state.stored, state.dirty), (50, Stored::Loaded, false));
    plain.abandon(session).unwrap();

    let fields = Persistence::new().with(volume(3).migrate(|_, _: &str| Err::<i64, _>("no more")));
    let mut refusing = Runtime::without_update(0);
    let session = refusing.attach(fields, &storage).unwrap();
    assert_eq!((*refusing.model(), refusing.field_state(&session, "volume").unwrap().stored), (0, Stored::Rejected));

    let renamed = Field::new("loudness", |n: &i64| n, |n, new| *n = new)
        .version(2)
        .former_keys(["volume", "sound"]);
    let mut renaming = Runtime::without_update(0);
    let session = renaming.attach(Persistence::new().with(renamed), &storage).unwrap();
    assert_eq!(*renaming.model(), 50);
    renaming.detach(session).unwrap();
    assert_eq!((stored(&storage, "loudness").as_deref(), stored(&storage, "volume")), (Some("50"), None));
}

#[test]
fn dynamic_fields_migrate_to_json() {
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_list", "\"a,b\"").unwrap();
    let list = Field::dynamic(
        "list",
        Types::JSON,
        |list: &String| Ok(Value::Json(list)),
        |list, value| match value {
            Value::Json(json) => {
                *list = json.into();
                Ok(())
            }
            _ => Err("JSON is the only type".into()),
        },
    )
    .version(1)
    .migrate(|_, json| Ok::<_, &str>(Json(format!("[{}]", json.replace(',', "\",\"")))));
    let mut runtime = Runtime::without_update("[]".to_string());
    runtime.attach(Persistence::new().with(list), &storage).unwrap();
    assert_eq!(runtime.model(), "[\"a\",\"b\"]");
}

#[test]
fn a_bad_field_is_a_failure_of_attach() {
    let storage = Storage::in_memory().unwrap();
    let field = |key: &str| Field::new(key, |n: &i64| n, |n, new| *n = new);
    for (fields, status) in [
        (Persistence::new().with(field("n")).with(field("n")), Status::DuplicateKey),
        (Persistence::new().with(field("n")).with(field("m").former_keys(["n"])), Status::DuplicateKey),
        (Persistence::new().with(field("")).with(field("n")), Status::InvalidArgument),
        (Persistence::new().with(field(&"x".repeat(257))), Status::InvalidArgument),
        (Persistence::new().with(field("a\0b")), Status::InvalidArgument),
        (Persistence::new().with(field("a").former_keys(["a\0b"])), Status::InvalidArgument),
    ] {
        fails(Runtime::without_update(0).attach(fields, &storage), status);
    }
    Runtime::without_update(0)
        .attach(Persistence::default().with(field("n")), &storage)
        .unwrap();
}
