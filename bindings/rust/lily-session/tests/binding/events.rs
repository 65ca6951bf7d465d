//! Lists that are attached more than once, changes of a refresh, and events without a closure.

use crate::support::*;
use lily_session::{Config, EventKind, Field, Persistence, Runtime, Status, Storage, Types, Value};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn a_list_is_attached_for_each_user_in_any_thread() {
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    let storage = Storage::in_memory().unwrap();
    let fields = shop_fields();
    is_shared(&fields);
    assert_eq!(format!("{fields:?}"), r#"Persistence ["token", "theme", "visits"]"#);
    std::thread::scope(|threads| {
        for user in 0..4 {
            let (storage, fields) = (&storage, &fields);
            threads.spawn(move || {
                let scope = storage.scoped(&format!("user:{user}")).unwrap();
                for visits in 1..20 {
                    let mut runtime = Runtime::without_update(Shop::default());
                    let session = runtime.attach(fields, &scope).unwrap();
                    assert_eq!(runtime.model().visits, visits - 1);
                    runtime.model_mut().visits = visits;
                    runtime.model_mut().theme = format!("{user}");
                    runtime.detach(session).unwrap();
                }
            });
        }
    });
    for user in 0..4 {
        let scope = storage.scoped(&format!("user:{user}")).unwrap();
        assert_eq!(stored(&scope, "theme"), Some(format!("\"{user}\"")));
        assert_eq!(stored(&scope, "visits").as_deref(), Some("19"));
    }
    // One runtime may attach it to two storages.
    let (one, two) = (Storage::in_memory().unwrap(), Storage::in_memory().unwrap());
    let mut runtime = Runtime::without_update(Shop::default());
    runtime.attach(&fields, &one).unwrap();
    runtime.attach(&fields, &two).unwrap();
    runtime.model_mut().theme = "both".into();
    runtime.persist_all().unwrap();
    assert_eq!(stored(&one, "theme"), stored(&two, "theme"));
    fails(runtime.attach(fields.clone(), &one), Status::DuplicateKey);
}

#[test]
fn a_field_by_value() {
    struct Player {
        position: Duration,
        name: RefCell<String>,
    }
    let fields = Persistence::new()
        .with(Field::by_value(
            "position_s",
            |player: &Player| player.position.as_secs() as i64,
            |player, seconds| u64::try_from(seconds).map(|seconds| player.position = Duration::from_secs(seconds)),
        ))
        .with(
            Field::by_value(
                "name",
                |player: &Player| player.name.borrow().clone(),
                |player, name| *player.name.get_mut() = name,
            )
            .version(1)
            .migrate(|_, json: &str| Ok::<_, std::fmt::Error>(json.to_uppercase())),
        );
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_name", "true").unwrap(); // of version 0
    let mut runtime = Runtime::without_update(Player { position: Duration::ZERO, name: RefCell::default() });
    let session = runtime.attach(&fields, &storage).unwrap();
    assert_eq!(*runtime.model().name.borrow(), "TRUE");
    runtime.model_mut().position = Duration::from_secs(7);
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&storage, "position_s").as_deref(), Some("7"));
    assert_eq!(stored(&storage, "name").as_deref(), Some("\"TRUE\""));
    storage.set("lily_session_position_s", "-1").unwrap();
    assert_eq!(runtime.refresh(&session).unwrap(), []);
    assert_eq!(runtime.model().position, Duration::from_secs(7));
}

#[test]
fn a_refresh_returns_what_it_set_and_reset() {
    let (clock, storage) = Clock::new();
    let token = Field::new("token", |shop: &Shop| &shop.token, |shop, token| shop.token = token);
    let fields = Persistence::new()
        .with(token.expires_after(Duration::from_secs(1)))
        .field("theme", |shop: &Shop| &shop.theme, |shop, theme| shop.theme = theme)
        .field("visits", |shop| &shop.visits, |shop, visits| shop.visits = visits);
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(fields, &storage).unwrap();
    *runtime.model_mut() = Shop { token: Some("t".into()), theme: "dark".into(), visits: 3 };
    runtime.persist(&session).unwrap();
    assert_eq!(runtime.refresh(&session).unwrap(), []);
    clock.advance(1000);
    storage.set("lily_session_theme", "\"blue\"").unwrap();
    storage.remove("lily_session_visits").unwrap();
    let mut changes = |all: bool| -> Vec<(String, EventKind)> {
        let changes = if all { runtime.refresh_all() } else { runtime.refresh(&session) };
        changes.unwrap().into_iter().map(|change| (change.key, change.kind)).collect()
    };
    let of = |key: &str, kind| (key.to_string(), kind);
    assert_eq!(
        changes(false),
        [of("token", EventKind::Expired), of("theme", EventKind::Changed), of("visits", EventKind::Removed)]
    );
    storage.clear().unwrap();
    assert_eq!(changes(true), [of("theme", EventKind::Cleared)]);
    assert_eq!(changes(true), []);
}

#[test]
fn events_are_kept_for_what_cannot_be_sent() {
    let shown: Rc<RefCell<Vec<String>>> = Rc::default(); // as the parts of a window are
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_visits", "\"secret\"").unwrap();
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), Config::new(&storage).keep_events()).unwrap();
    storage.set("lily_session_theme", "\"dark\"").unwrap();
    runtime.refresh(&session).unwrap();
    for event in runtime.take_events(&session) {
        shown
            .borrow_mut()
            .push(format!("{:?} {:?} {:?}", event.kind, event.key.unwrap(), event.reason));
    }
    assert_eq!(
        *shown.borrow(),
        [r#"Rejected "visits" Some("invalid type, expected an integer")"#, r#"Changed "theme" None"#]
    );
    assert_eq!(runtime.take_events(&session), []);
}

#[test]
fn a_field_that_cannot_be_stored_says_why() {
    struct App {
        ratio: f64,
        note: &'static str,
    }
    let fields = Persistence::new()
        .field("ratio", |app: &App| &app.ratio, |app, ratio| app.ratio = ratio)
        .with(Field::dynamic(
            "note",
            Types::STRING,
            |app: &App| if app.note == "secret" { Err(app.note.into()) } else { Ok(Value::String(app.note)) },
            |_, _| Ok(()),
        ));
    type Told = Vec<(Option<String>, String)>;
    let told: Arc<Mutex<Told>> = Arc::default();
    let tell = told.clone();
    let storage = Storage::in_memory().unwrap();
    let config = Config::new(&storage).on_event(move |event| {
        assert_eq!(event.kind, EventKind::FieldFailed);
        tell.lock().unwrap().push((event.reason.map(Into::into), event.to_string()));
    });
    let mut runtime = Runtime::without_update(App { ratio: 0.5, note: "" });
    let session = runtime.attach(fields, config).unwrap();
    *runtime.model_mut() = App { ratio: f64::NAN, note: "secret" };
    fails(runtime.persist(&session), Status::Encode);
    let failed = |key: &str, reason: &str, shown: &str| {
        let sentence = "the field's value could not be read from the model, or cannot be stored";
        (Some(reason.to_owned()), format!("{key}: {sentence}{shown}"))
    };
    assert_eq!(
        *told.lock().unwrap(),
        [failed("ratio", "a real is not finite", ": a real is not finite"), failed("note", "secret", "")]
    );
    *runtime.model_mut() = App { ratio: 0.5, note: "" };
}

/// Without a closure, what is wrong is a warning of the program's log, and what is not wrong is none.
#[cfg(feature = "log")]
#[test]
fn what_nobody_listens_to_is_logged() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    struct Lines;
    impl log::Log for Lines {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            if record.args().to_string().starts_with("logged") {
                LINES
                    .lock()
                    .unwrap()
                    .push(format!("{} {} {}", record.level(), record.target(), record.args()));
            }
        }
        fn flush(&self) {}
    }
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_logged", "\"secret\"").unwrap();
    let fields = || Persistence::new().field("logged", |n: &i64| n, |n, new| *n = new);
    let mut runtime = Runtime::without_update(0);
    let session = runtime.attach(fields(), &storage).unwrap();
    storage.set("lily_session_logged", "1").unwrap();
    runtime.refresh(&session).unwrap();
    storage.set("lily_session_logged", "\"secret\"").unwrap();
    Runtime::without_update(0)
        .attach(fields(), Config::new(&storage).on_event(|_| {}))
        .unwrap();
    Runtime::without_update(0)
        .attach(fields(), Config::new(&storage).keep_events())
        .unwrap();
    assert_eq!(
        *LINES.lock().unwrap(),
        ["WARN lily_session::config logged: the stored value was refused, and stays until the field changes: invalid type, expected an \
          integer"]
    );
}
