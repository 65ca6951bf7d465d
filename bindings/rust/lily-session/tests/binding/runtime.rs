use crate::support::*;
use lily_session::{Config, EventKind, Persistence, Runtime, Status, Storage, Stored};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

enum Message {
    Theme(&'static str),
    Visit,
    Refuse,
    Logout,
}

fn runtime(storage: &Storage) -> Runtime<Shop, Message> {
    let storage = storage.clone();
    Runtime::new(Shop::default(), move |shop: &mut Shop, message: Message| {
        match message {
            Message::Theme(theme) => shop.theme = theme.into(),
            Message::Visit => shop.visits += 1,
            Message::Refuse => return Err("refused".into()),
            Message::Logout => {
                storage.clear()?;
                *shop = Shop::default();
            }
        }
        Ok::<(), lily_session::BoxError>(())
    })
}

#[test]
fn what_changed_is_stored_and_comes_back() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    {
        let storage = Storage::open(&path).unwrap();
        let mut runtime = runtime(&storage);
        runtime.attach(shop_fields(), &storage).unwrap();
        assert_eq!(storage.info().unwrap().entries, 0);
        runtime.dispatch(Message::Theme("dark")).unwrap();
        assert_eq!((stored(&storage, "theme").as_deref(), stored(&storage, "visits")), (Some("\"dark\""), None));
        runtime.dispatch(Message::Visit).unwrap();
    }
    let storage = Storage::open(&path).unwrap();
    let mut runtime = runtime(&storage);
    let session = runtime.attach(shop_fields(), &storage).unwrap();
    assert_eq!(runtime.model(), &Shop { theme: "dark".into(), visits: 1, token: None });
    assert_eq!(runtime.field_state(&session, "theme").unwrap().stored, Stored::Loaded);
    assert_eq!(runtime.field_state(&session, "token").unwrap().stored, Stored::Absent);
    fails(runtime.field_state(&session, "other"), Status::NotFound);
    assert!(format!("{runtime:?}").contains("dark"));

    runtime.dispatch(Message::Logout).unwrap();
    // Changes of the log-out update itself are stored after the clear.
    assert_eq!((runtime.model(), stored(&storage, "theme").as_deref()), (&Shop::default(), Some("\"light\"")));
    assert_eq!(storage.info().unwrap().entries, 2);
}

#[test]
fn a_refused_message_is_not_applied() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime(&storage);
    runtime.attach(shop_fields(), &storage).unwrap();
    let error = fails(runtime.dispatch(Message::Refuse), Status::Update);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "refused");
    assert_eq!(error.to_string(), error.message());
    assert_eq!(runtime.model(), &Shop::default());
    // An error of the storage inside update is the source, unchanged.
    let scope = storage.scoped("s").unwrap();
    let mut failing = Runtime::new(0, move |_: &mut i32, ()| scope.scoped("t").map(drop));
    let error = fails(failing.dispatch(()), Status::Update);
    let source = std::error::Error::source(&error)
        .unwrap()
        .downcast_ref::<lily_session::Error>()
        .unwrap();
    assert_eq!(source.status(), Status::Unsupported);
}

#[test]
fn a_host_with_a_loop_of_its_own() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), &storage).unwrap();
    runtime.model_mut().visits = 3;
    assert_eq!(stored(&storage, "visits"), None);
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&storage, "visits").as_deref(), Some("3"));
}

#[test]
fn detach_and_drop_store_what_changed_and_abandon_does_not() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), &storage).unwrap();
    runtime.model_mut().visits = 1;
    runtime.abandon(session).unwrap();
    assert_eq!(stored(&storage, "visits"), None);

    let session = runtime.attach(shop_fields(), &storage).unwrap();
    runtime.model_mut().visits = 2;
    runtime.detach(session).unwrap();
    assert_eq!(stored(&storage, "visits").as_deref(), Some("2"));

    runtime.attach(shop_fields(), &storage).unwrap();
    runtime.model_mut().visits = 3;
    drop(runtime);
    assert_eq!(stored(&storage, "visits").as_deref(), Some("3"));
}

#[test]
fn detach_returns_what_storing_returns() {
    for no_sync in [false, true] {
        let folder = Folder::new();
        let options = Storage::options().quota(lily_session::Quota::Bytes(40)).no_sync(no_sync);
        let storage = options.open(folder.file("journal")).unwrap();
        let mut runtime = Runtime::without_update(Shop::default());
        let session = runtime.attach(shop_fields(), &storage).unwrap();
        runtime.model_mut().theme = "far too long for forty bytes of it all".into();
        fails(runtime.detach(session), Status::Quota);
        // The session is ended nevertheless, so another session may have its keys.
        runtime.attach(shop_fields(), &storage).unwrap();
    }
}

#[test]
fn the_end_of_a_session_does_not_sync_if_it_is_told_so() {
    for (no_sync, ends) in [(false, "detach"), (false, "drop"), (true, "detach"), (true, "drop")] {
        let folder = Folder::new();
        let options = Storage::options().scope_files(true).no_sync(no_sync);
        let parent = options.open(folder.file("journal")).unwrap();
        for storage in [parent.clone(), parent.scoped("user:1").unwrap()] {
            let mut runtime = Runtime::without_update(Shop::default());
            let session = runtime.attach(shop_fields(), &storage).unwrap();
            runtime.flush(&session).unwrap();
            assert!(!storage.info().unwrap().owes_sync);
            runtime.model_mut().visits = 1;
            if ends == "detach" {
                runtime.detach(session).unwrap();
            } else {
                drop(runtime);
            }
            assert_eq!(stored(&storage, "visits").as_deref(), Some("1"));
            assert_eq!(storage.info().unwrap().owes_sync, no_sync, "{ends}");
        }
    }
}

#[test]
fn sessions_are_their_runtimes_own() {
    let (storage, other) = (Storage::in_memory().unwrap(), Storage::in_memory().unwrap());
    let mut one = Runtime::without_update(Shop::default());
    let mut two = Runtime::without_update(Shop::default());
    let session = one.attach(shop_fields(), &storage).unwrap();
    fails(one.attach(shop_fields(), &storage), Status::DuplicateKey);
    let second = one.attach(shop_fields(), &other).unwrap();
    one.model_mut().visits = 1;
    one.persist(&session).unwrap();
    assert_eq!((stored(&storage, "visits").is_some(), stored(&other, "visits")), (true, None));
    one.persist(&second).unwrap();
    assert!(stored(&other, "visits").is_some());

    fails(two.persist(&session), Status::InvalidArgument);
    fails(two.field_state(&session, "visits"), Status::InvalidArgument);
    assert_eq!(two.next_expiry(&session), None);
    fails(two.abandon(session), Status::InvalidArgument);
    one.detach(second).unwrap();
}

#[test]
fn refresh_takes_over_what_others_did() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    let (mine, theirs) = (Storage::open(&path).unwrap(), Storage::open(&path).unwrap());
    let told = Told::default();
    let tell = told.clone();
    let config = Config::new(&mine).on_event(move |event| {
        tell.lock()
            .unwrap()
            .push((event.kind, event.key.map(str::to_owned), event.status))
    });
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), config).unwrap();
    theirs.set("lily_session_theme", "\"dark\"").unwrap();
    runtime.refresh(&session).unwrap();
    assert_eq!(runtime.model().theme, "dark");
    theirs.remove("lily_session_theme").unwrap();
    // The state is that of the storage now. The model does not change until the refresh.
    assert_eq!(runtime.field_state(&session, "theme").unwrap().stored, Stored::Absent);
    assert_eq!(runtime.model().theme, "dark");
    runtime.refresh(&session).unwrap();
    assert_eq!(runtime.model().theme, "light");
    theirs.set("lily_session_theme", "\"dark\"").unwrap();
    runtime.refresh(&session).unwrap();
    theirs.clear().unwrap();
    runtime.refresh(&session).unwrap();
    assert_eq!(runtime.model().theme, "light");
    let theme = || Some("theme".to_string());
    assert_eq!(
        *told.lock().unwrap(),
        [
            (EventKind::Changed, theme(), None),
            (EventKind::Removed, theme(), None),
            (EventKind::Changed, theme(), None),
            (EventKind::Cleared, theme(), None),
        ]
    );
}

/// A default is stored, and overwrites what another program stored in between.
#[test]
fn a_marked_field_is_stored_changed_or_not() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    let (mine, theirs) = (Storage::open(&path).unwrap(), Storage::open(&path).unwrap());
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), &mine).unwrap();
    runtime.mark(&session, "theme").unwrap();
    let state = runtime.field_state(&session, "theme").unwrap();
    assert_eq!((state.stored, state.dirty, stored(&theirs, "theme")), (Stored::Absent, true, None));
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&theirs, "theme").as_deref(), Some("\"light\""));

    theirs.set("lily_session_theme", "\"dark\"").unwrap();
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&theirs, "theme").as_deref(), Some("\"dark\""));
    runtime.mark(&session, "theme").unwrap();
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&theirs, "theme").as_deref(), Some("\"light\""));
    fails(runtime.mark(&session, "colour"), Status::NotFound);
    fails(runtime.mark(&session, "a\0b"), Status::InvalidArgument);
}

/// A clear through the session's own storage counts, too. A change that could not be stored before it is dropped.
#[test]
fn a_clear_is_news_for_every_session() {
    let storage = Storage::options().quota(lily_session::Quota::Bytes(60)).in_memory().unwrap();
    let told = Told::default();
    let tell = told.clone();
    let config = Config::new(&storage).on_event(move |event| {
        tell.lock()
            .unwrap()
            .push((event.kind, event.key.map(str::to_owned), event.status))
    });
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), config).unwrap();
    runtime.model_mut().visits = 3;
    runtime.persist(&session).unwrap();
    runtime.model_mut().theme = "x".repeat(100);
    fails(runtime.persist(&session), Status::Quota);
    storage.clear().unwrap();
    told.lock().unwrap().clear();
    runtime.refresh(&session).unwrap();
    assert_eq!((runtime.model().visits, runtime.model().theme.len()), (0, 100));
    assert_eq!(
        *told.lock().unwrap(),
        [(EventKind::Cleared, Some("theme".into()), None), (EventKind::Cleared, Some("visits".into()), None)]
    );
    assert_eq!(storage.info().unwrap().entries, 0);
}

#[derive(Default)]
struct App {
    frame: u64,
    shop: Shop,
}

#[test]
fn a_slice_of_the_model_and_its_revision() {
    let storage = Storage::in_memory().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let visits = Persistence::new().field(
        "visits",
        move |shop: &Shop| {
            count.fetch_add(1, Ordering::Relaxed);
            &shop.visits
        },
        |shop, visits| shop.visits = visits,
    );
    let mut runtime = Runtime::new(App::default(), |app: &mut App, visit: bool| {
        app.frame += 1;
        app.shop.visits += i64::from(visit);
    });
    let config = Config::slice(&storage, |app: &mut App| &mut app.shop).revision(|shop| shop.visits as u64);
    runtime.attach(visits, config).unwrap();
    let before = asked.load(Ordering::Relaxed);
    runtime.dispatch(false).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), before);
    runtime.dispatch(true).unwrap();
    assert!(asked.load(Ordering::Relaxed) > before);
    assert_eq!(stored(&storage, "visits").as_deref(), Some("1"));

    let mut again = Runtime::without_update(App::default());
    again
        .attach(shop_fields(), Config::slice(&storage, |app: &mut App| &mut app.shop))
        .unwrap();
    assert_eq!((again.model().shop.visits, again.model().frame), (1, 0));
}

#[test]
fn a_runtime_goes_to_another_thread() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime(&storage);
    let session = runtime.attach(shop_fields(), &storage).unwrap();
    let shared = Arc::new(Mutex::new(runtime));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let shared = shared.clone();
            std::thread::spawn(move || (0..50).for_each(|_| shared.lock().unwrap().dispatch(Message::Visit).unwrap()))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    shared.lock().unwrap().flush(&session).unwrap();
    assert_eq!(stored(&storage, "visits").as_deref(), Some("200"));
}

/// A callback may use another runtime, and storages. It cannot even name its own runtime.
#[test]
fn inside_callbacks() {
    let storage = Storage::in_memory().unwrap();
    let mut inner = Runtime::new(0_i64, |count: &mut i64, step: i64| *count += step);
    let fields = Persistence::new().field("inner", |n: &i64| n, |n, new| *n = new);
    inner.attach(fields, &storage).unwrap();
    let inside = storage.clone();
    let mut outer = Runtime::new(Shop::default(), move |shop: &mut Shop, step: i64| {
        inner.dispatch(step)?;
        inside.set("seen", "true")?;
        shop.visits = *inner.model();
        Ok::<(), lily_session::Error>(())
    });
    let inside = storage.clone();
    let config = Config::new(&storage).on_event(move |_| inside.set("told", "true").unwrap());
    storage.set("lily_session_theme", "1").unwrap();
    outer.attach(shop_fields(), config).unwrap();
    outer.dispatch(2).unwrap();
    assert_eq!((stored(&storage, "inner").as_deref(), stored(&storage, "visits").as_deref()), (Some("2"), Some("2")));
    assert_eq!(storage.get("seen").unwrap().as_deref(), Some("true"));
    assert_eq!(storage.get("told").unwrap().as_deref(), Some("true"));
}

#[test]
fn versions_agree() {
    assert_eq!(lily_session::version(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_restoring_runtime_takes_back_what_a_refused_update_has_changed() {
    let update = |count: &mut i64, step: i64| {
        *count += step;
        if *count > 9 {
            return Err("too far");
        }
        Ok(())
    };
    let fields = Persistence::new().field("count", |count: &i64| count, |count, new| *count = new);
    for (mut runtime, expected) in [(Runtime::new(0, update), "17"), (Runtime::restoring(0, update), "7")] {
        let storage = Storage::in_memory().unwrap();
        let session = runtime.attach(&fields, &storage).unwrap();
        runtime.dispatch(7).unwrap();
        let error = fails(runtime.dispatch(10), Status::Update);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "too far");
        assert_eq!(stored(&storage, "count").as_deref(), Some("7"));
        runtime.persist(&session).unwrap();
        assert_eq!(stored(&storage, "count").as_deref(), Some(expected));
        assert_eq!(runtime.model().to_string(), expected);
    }
}
