//! A panic in a closure is resumed by the call that ran it, and the objects of that call can still be used.

use crate::support::*;
use lily_session::{Backend, Change, Config, Entry, Field, Persistence, Result, Runtime, Status, Storage, Types};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, SystemTime};

thread_local! {
    /// The closure that panics.
    static PANICS: Cell<&'static str> = const { Cell::new("") };
}

fn may_panic(place: &'static str) {
    if PANICS.with(|panics| panics.get() == place) {
        panic!("{}", place);
    }
}

/// Checks that `call` panics with the panic of the closure `place`.
#[track_caller]
fn panics<T>(place: &'static str, call: impl FnOnce() -> T) {
    PANICS.with(|panics| panics.set(place));
    let caught = catch_unwind(AssertUnwindSafe(|| drop(call())));
    PANICS.with(|panics| panics.set(""));
    match caught {
        Ok(()) => panic!("{place} did not panic"),
        Err(payload) => assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some(place)),
    }
}

fn fields() -> Persistence<Shop> {
    let visits = Field::new(
        "visits",
        |shop: &Shop| {
            may_panic("get");
            &shop.visits
        },
        |shop, visits| {
            may_panic("set");
            shop.visits = visits;
        },
    )
    .version(1)
    .migrate(|_, json: &str| {
        may_panic("migrate");
        json.parse()
    });
    Persistence::new()
        .with(visits)
        .field("theme", |shop: &Shop| &shop.theme, |shop, theme| shop.theme = theme)
}

fn config(storage: &Storage) -> Config<Shop, Shop> {
    Config::slice(storage, |shop: &mut Shop| {
        may_panic("slice");
        shop
    })
    .revision(|shop| {
        may_panic("revision");
        shop.visits as u64 ^ shop.theme.len() as u64
    })
    .on_event({
        let storage = storage.clone();
        move |_| {
            // This call runs inside one in which a closure has panicked already.
            storage.get("none").unwrap();
            may_panic("on_event");
        }
    })
}

fn runtime() -> Runtime<Shop, i64> {
    Runtime::new(Shop::default(), |shop: &mut Shop, visits| {
        may_panic("update");
        shop.visits = visits;
    })
}

#[test]
fn from_dispatch() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime();
    runtime.attach(fields(), config(&storage)).unwrap();
    panics("update", || runtime.dispatch(1));
    assert_eq!((runtime.model().visits, stored(&storage, "visits")), (0, None));
    runtime.clear_poison();
    for (place, visits) in [("slice", 2), ("revision", 3), ("get", 4)] {
        panics(place, || runtime.dispatch(visits));
        assert_eq!(runtime.model().visits, visits, "applied, as the panic came after");
        runtime.model_mut().theme = place.into();
        runtime.dispatch(visits).unwrap();
        assert_eq!(stored(&storage, "visits"), Some(visits.to_string()));
    }
}

#[test]
fn though_another_field_fails() {
    let storage = Storage::in_memory().unwrap();
    let failing = Field::dynamic("failing", Types::INT, |_: &Shop| Err("fails".into()), |_, _| Ok(()));
    let mut runtime = runtime();
    runtime.attach(fields().with(failing), &storage).unwrap();
    panics("get", || runtime.dispatch(1));
}

#[test]
fn from_attach_which_then_is_none() {
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_visits", "\"of another type\"").unwrap();
    panics("on_event", || runtime().attach(fields(), config(&storage)));
    storage.set("lily_session_visits", "5").unwrap();
    for place in ["slice", "migrate", "set", "get", "revision"] {
        let mut runtime = runtime();
        panics(place, || runtime.attach(fields(), config(&storage)));
        // The keys are free, so no session was left behind.
        runtime.attach(fields(), config(&storage)).unwrap();
        assert_eq!(runtime.model().visits, 5);
        runtime.dispatch(6).unwrap();
        storage.clear().unwrap();
        storage.set("lily_session_visits", "5").unwrap();
    }
}

/// A revision that panics is no number, so the fields are compared: an update that it would skip is stored all the same.
#[test]
fn from_revision_which_then_is_another() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime();
    let config = Config::new(&storage).revision(|_| {
        may_panic("revision");
        0
    });
    runtime.attach(fields(), config).unwrap();
    for visits in [1, 2] {
        panics("revision", || runtime.dispatch(visits));
        assert_eq!(stored(&storage, "visits"), Some(visits.to_string()));
    }
}

#[test]
fn from_persist_flush_refresh_and_detach() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime();
    let session = runtime.attach(fields(), config(&storage)).unwrap();
    runtime.model_mut().visits = 7;
    panics("get", || runtime.persist(&session));
    panics("slice", || runtime.flush(&session));
    panics("revision", || runtime.refresh(&session));
    panics("get", || runtime.detach(session));
    // It is detached nevertheless.
    runtime.attach(fields(), config(&storage)).unwrap();
}

#[test]
fn from_modify_which_then_changes_nothing() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime();
    let session = runtime.attach(fields(), config(&storage)).unwrap();
    for _ in 0..2 {
        panics("modify", || {
            runtime.modify(&session, "visits", |visits: Option<&i64>| {
                may_panic("modify");
                Ok(visits.unwrap_or(&0) + 1)
            })
        });
        panics("modify", || {
            storage.modify("key", |_| {
                may_panic("modify");
                Ok("1".into())
            })
        });
    }
    assert_eq!((runtime.model().visits, storage.info().unwrap().entries), (0, 0));
    panics("set", || runtime.modify(&session, "visits", |_: Option<&i64>| Ok(1)));
    assert_eq!(stored(&storage, "visits").as_deref(), Some("1"));
}

#[test]
fn from_a_map() {
    let storage = Storage::in_memory().unwrap();
    let fields = || {
        Persistence::new().map(
            "recent/",
            |recent: &BTreeMap<String, i64>| {
                may_panic("get");
                recent
            },
            |recent| {
                may_panic("get_mut");
                recent
            },
        )
    };
    let mut runtime = Runtime::without_update(BTreeMap::new());
    panics("get", || runtime.attach(fields(), &storage));
    let session = runtime.attach(fields(), &storage).unwrap();
    runtime.model_mut().insert("a".into(), 1);
    panics("get", || runtime.persist(&session));
    storage.set("lily_session_recent/b", "2").unwrap();
    panics("get_mut", || runtime.refresh(&session));
    storage.set("lily_session_recent/b", "3").unwrap(); // as with a field, the value that met the panic counts as refused
    runtime.refresh(&session).unwrap();
    assert_eq!(runtime.model(), &BTreeMap::from([("a".to_string(), 1), ("b".to_string(), 3)]));
}

#[test]
fn from_drop() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime();
    runtime.attach(fields(), config(&storage)).unwrap();
    runtime.model_mut().visits = 1;
    panics("get", move || drop(runtime));
}

/// The model may be half changed.
#[test]
fn a_panic_of_the_programs_drops_the_runtime_which_stores_nothing() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = runtime();
    runtime.attach(fields(), config(&storage)).unwrap();
    runtime.model_mut().visits = 2;
    let first = catch_unwind(AssertUnwindSafe(move || {
        let mut runtime = runtime;
        runtime.model_mut().theme = "half".into();
        panic!("the program's");
    }));
    assert_eq!(first.unwrap_err().downcast_ref::<&str>(), Some(&"the program's"));
    assert_eq!((stored(&storage, "visits"), stored(&storage, "theme")), (None, None));
}

/// A runtime that a destructor makes while a panic unwinds is not dropped by that panic.
#[test]
fn a_runtime_of_a_destructor_stores() {
    struct Saves(Storage);
    impl Drop for Saves {
        fn drop(&mut self) {
            let mut runtime = runtime();
            runtime.attach(fields(), &self.0).unwrap();
            runtime.model_mut().visits = 3;
        }
    }
    let storage = Storage::in_memory().unwrap();
    let saves = Saves(storage.clone());
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _saves = saves;
        panic!("the program's");
    }));
    assert!(caught.is_err());
    assert_eq!(stored(&storage, "visits").as_deref(), Some("3"));
}

/// An update that panics half-way is not stored by whatever comes next.
#[test]
fn from_an_update_which_poisons_the_runtime() {
    let half = || {
        let storage = Storage::in_memory().unwrap();
        let mut runtime = Runtime::new(Shop::default(), |shop: &mut Shop, visits| {
            shop.theme = "half".into();
            may_panic("update");
            shop.visits = visits;
        });
        let session = runtime.attach(fields(), &storage).unwrap();
        panics("update", || runtime.dispatch(1));
        assert!(runtime.is_poisoned());
        (storage, runtime, session)
    };
    let (storage, mut runtime, session) = half();
    let poisoned = Status::Callback;
    assert!(fails(runtime.dispatch(2), poisoned).message().contains("clear_poison"));
    fails(runtime.persist(&session), poisoned);
    fails(runtime.flush(&session), poisoned);
    fails(runtime.refresh(&session), poisoned);
    fails(runtime.touch(&session, "visits"), poisoned);
    fails(runtime.reset(&session, "visits"), poisoned);
    fails(runtime.modify(&session, "visits", |_: Option<&i64>| Ok(1)), poisoned);
    fails(runtime.persist_all(), poisoned);
    fails(runtime.refresh_all(), poisoned);
    fails(runtime.attach(fields(), &storage), poisoned);
    fails(runtime.detach(session), poisoned);
    assert_eq!(storage.info().unwrap().entries, 0);

    let (storage, runtime, _) = half();
    assert_eq!(runtime.into_model().theme, "half");
    assert_eq!(storage.info().unwrap().entries, 0);

    let (storage, runtime, _) = half();
    drop(runtime);
    assert_eq!(storage.info().unwrap().entries, 0);

    let (storage, mut runtime, _) = half();
    runtime.model_mut().theme = "whole".into();
    runtime.clear_poison();
    runtime.persist_all().unwrap();
    assert_eq!(stored(&storage, "theme").as_deref(), Some("\"whole\""));
    runtime.model_mut().visits = 6;
    assert_eq!(runtime.into_model().visits, 6);
    assert_eq!(stored(&storage, "visits").as_deref(), Some("6"));
}

#[test]
fn from_each_and_the_clock() {
    let storage = Storage::in_memory().unwrap();
    storage.set("k", "1").unwrap();
    panics("visit", || storage.each("", |_| may_panic("visit")));
    let storage = Storage::options()
        .clock(|| {
            may_panic("clock");
            std::time::UNIX_EPOCH
        })
        .in_memory()
        .unwrap();
    storage.set("k", "1").unwrap();
    panics("clock", || storage.get("k"));
    assert_eq!(storage.get("k").unwrap().as_deref(), Some("1"));
}

/// The system's clock stands in for one that panics. If the expiry were counted from another time, the value would be lost.
#[test]
fn from_the_clock_of_a_value_that_expires() {
    let storage = Storage::options()
        .clock(|| {
            may_panic("clock");
            SystemTime::now()
        })
        .in_memory()
        .unwrap();
    let visits = Field::new("visits", |shop: &Shop| &shop.visits, |shop, visits| shop.visits = visits);
    let fields = Persistence::new().with(visits.expires_after(Duration::from_secs(3600)));
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(fields, &storage).unwrap();
    runtime.model_mut().visits = 1;
    panics("clock", || runtime.persist(&session));
    assert_eq!(stored(&storage, "visits").as_deref(), Some("1"));
}

/// The error of an inner call is not the source of the outer call's error, and a panic unwinds through both.
#[test]
fn through_two_runtimes() {
    let mut inner = Runtime::new(0, |_: &mut i32, fails: bool| {
        may_panic("inner");
        if fails {
            Err("inner")
        } else {
            Ok(())
        }
    });
    let mut outer = Runtime::new(0, move |_: &mut i32, ()| {
        let _ = inner.dispatch(true);
        Err::<(), _>("outer")
    });
    let error = outer.dispatch(()).unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "outer");
    panics("inner", || outer.dispatch(()));
}

struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        may_panic("drop");
    }
}

impl Backend for Fragile {
    fn read(&self, _: &str) -> Result<Option<Entry>> {
        may_panic("read");
        Ok(None)
    }
    fn write(&self, _: Vec<Change<'_>>, _: Option<(&str, u64)>) -> Result<()> {
        may_panic("write");
        Ok(())
    }
    fn clear(&self, _: &str) -> Result<()> {
        may_panic("clear");
        Ok(())
    }
    fn generation(&self, _: &str) -> Result<u64> {
        may_panic("generation");
        Ok(0)
    }
    fn each(&self, _: &str, visit: &mut dyn FnMut(&str, &Entry) -> Result<()>) -> Result<()> {
        may_panic("each");
        visit("k", &Entry { json: "1".into(), expires_at: None, version: 0 })
    }
    fn sync(&self) -> Result<()> {
        may_panic("sync");
        Ok(())
    }
    fn watch(&self) -> Option<std::os::unix::io::BorrowedFd<'_>> {
        may_panic("watch");
        None
    }
    fn close(&self) {
        may_panic("close");
    }
    fn replaces(&self) -> bool {
        may_panic("replaces");
        true
    }
    fn replace(&self, _: &str, _: Option<&Entry>, _: &Entry, _: Option<(&str, u64)>) -> Result<bool> {
        may_panic("replace");
        Ok(true)
    }
}

#[test]
fn from_a_backend() {
    let storage = Storage::backend(Fragile).unwrap();
    panics("read", || storage.get("k"));
    panics("write", || storage.set("k", "1"));
    panics("clear", || storage.clear());
    panics("generation", || runtime().attach(fields(), &storage));
    panics("each", || storage.each("", |_| ()));
    panics("inside", || storage.each("", |_| may_panic("inside")));
    panics("replace", || storage.modify("k", |_| Ok("1".into())));
    panics("sync", || storage.sync());
    panics("watch", || storage.watch());
    panics("close", || drop(storage));
    panics("drop", || drop(Storage::backend(Fragile).unwrap()));
}

#[test]
fn from_a_destructor_in_a_closure() {
    let fragile = Fragile;
    let fields = Persistence::new().field(
        "visits",
        move |shop: &Shop| {
            let _ = &fragile;
            &shop.visits
        },
        |shop, visits| shop.visits = visits,
    );
    panics("drop", || drop(fields));
}
