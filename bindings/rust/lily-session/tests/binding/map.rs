//! Maps: each entry is stored under a key of its own.

use crate::support::*;
use lily_session::{Config, EventKind, Map, Persistence, Runtime, Status, Storage, Stored};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Default, PartialEq)]
struct Editor {
    recent: BTreeMap<String, i64>,
    windows: HashMap<String, Option<String>>,
    theme: String,
}

fn fields() -> Persistence<Editor> {
    Persistence::new()
        .field("theme", |editor: &Editor| &editor.theme, |editor, theme| editor.theme = theme)
        .map("recent/", |editor: &Editor| &editor.recent, |editor| &mut editor.recent)
        .map("window/", |editor: &Editor| &editor.windows, |editor| &mut editor.windows)
}

fn keys(storage: &Storage) -> Vec<String> {
    let mut keys = Vec::new();
    storage
        .each("lily_session_", |item| keys.push(format!("{}={}", &item.key["lily_session_".len()..], item.json)))
        .unwrap();
    keys
}

fn changes(told: &Told) -> Vec<(EventKind, String)> {
    let mut changes: Vec<_> = told
        .lock()
        .unwrap()
        .drain(..)
        .map(|(kind, key, _)| (kind, key.unwrap()))
        .collect();
    changes.sort_by(|one, other| one.1.cmp(&other.1));
    changes
}

fn attached(storage: &Storage, told: &Told) -> (Runtime<Editor>, lily_session::Session) {
    let told = told.clone();
    let config = Config::new(storage).on_event(move |event| {
        told.lock()
            .unwrap()
            .push((event.kind, event.key.map(str::to_owned), event.status));
    });
    let mut runtime = Runtime::without_update(Editor::default());
    let session = runtime.attach(fields(), config).unwrap();
    (runtime, session)
}

#[test]
fn two_sessions_lose_nothing() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    let (one, two) = (Storage::open(&path).unwrap(), Storage::open(&path).unwrap());
    let told = Told::default();
    let ((mut ours, our), (mut theirs, their)) = (attached(&one, &told), attached(&two, &Told::default()));
    ours.model_mut().recent.insert("/etc/motd".into(), 12);
    ours.model_mut().windows.insert("crème".into(), None);
    theirs.model_mut().recent.insert("/tmp/x".into(), 7);
    ours.persist(&our).unwrap();
    theirs.persist(&their).unwrap();
    assert_eq!(keys(&one), ["recent//etc/motd=12", "recent//tmp/x=7", "window/crème=null"]);
    ours.refresh(&our).unwrap();
    assert_eq!(changes(&told), [(EventKind::Changed, "recent//tmp/x".into())]);
    assert_eq!(ours.model().recent["/tmp/x"], 7);

    theirs.refresh(&their).unwrap();
    theirs.model_mut().recent.remove("/etc/motd");
    theirs.model_mut().windows.insert("crème".into(), Some("wide".into()));
    theirs.persist(&their).unwrap();
    assert_eq!(keys(&one), ["recent//tmp/x=7", "window/crème=\"wide\""]);
    ours.refresh(&our).unwrap();
    let (removed, changed) =
        ((EventKind::Removed, "recent//etc/motd".into()), (EventKind::Changed, "window/crème".into()));
    assert_eq!(changes(&told), [removed, changed]);
    assert_eq!(ours.model(), theirs.model());
}

#[test]
fn a_value_that_is_refused_is_so_by_itself() {
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_recent/a", "1").unwrap();
    storage.set("lily_session_recent/b", "\"no number\"").unwrap();
    let told = Told::default();
    let (mut runtime, session) = attached(&storage, &told);
    assert_eq!(changes(&told), [(EventKind::Rejected, "recent/b".into())]);
    assert_eq!(runtime.model().recent, BTreeMap::from([("a".into(), 1)]));
    runtime.model_mut().recent.insert("a".into(), 2);
    // No entry may have these ids; each is told of, and the others are stored.
    for id in ["", "a\0"] {
        runtime.model_mut().recent.insert(id.into(), 3);
        fails(runtime.persist(&session), Status::Encode);
        runtime.model_mut().recent.remove(id);
    }
    runtime.persist(&session).unwrap();
    assert_eq!(keys(&storage), ["recent/a=2", "recent/b=\"no number\""]);
}

#[test]
fn an_entry_is_like_a_field() {
    let (clock, storage) = Clock::new();
    storage.set("lily_session_files:old", "5").unwrap();
    let recent = Map::new("files:", |editor: &Editor| &editor.recent, |editor| &mut editor.recent)
        .expires_after(Duration::from_millis(20))
        .version(1)
        .migrate(|_, json: &str| json.parse().map(|count: i64| count * 10));
    assert!(format!("{recent:?}").contains("files:"));
    let mut runtime = Runtime::without_update(Editor::default());
    let session = runtime.attach(Persistence::new().with_map(recent), &storage).unwrap();
    assert_eq!(runtime.model().recent, BTreeMap::from([("old".into(), 50)]));
    assert_eq!(runtime.field_state(&session, "files:old").unwrap().stored, Stored::Migrated);
    runtime
        .modify(&session, "files:new", |count: Option<&i64>| Ok(count.unwrap_or(&0) + 1))
        .unwrap();
    assert_eq!(runtime.model().recent["new"], 1);
    clock.advance(10);
    runtime.touch(&session, "files:new").unwrap();
    runtime.mark(&session, "files:old").unwrap();
    runtime.persist(&session).unwrap();
    assert_eq!(keys(&storage), ["files:new=1", "files:old=50"]);
    assert_eq!(runtime.next_expiry(&session), Some(Duration::from_millis(20)));
    runtime.reset(&session, "files:old").unwrap();
    assert_eq!(runtime.model().recent.len(), 1);
    clock.advance(20);
    runtime.refresh(&session).unwrap();
    assert!(runtime.model().recent.is_empty());
}

#[test]
fn prefixes_and_keys_do_not_meet() {
    let attach = |fields: Persistence<Editor>| {
        Runtime::<Editor>::without_update(Editor::default()).attach(fields, &Storage::in_memory().unwrap())
    };
    let map = |fields: Persistence<Editor>, prefix: &str| {
        fields.map(prefix, |editor: &Editor| &editor.recent, |editor| &mut editor.recent)
    };
    for prefix in ["th", "window/", "window/x"] {
        fails(attach(map(fields(), prefix)), Status::DuplicateKey);
    }
    for prefix in ["", "a\0"] {
        fails(attach(map(Persistence::new(), prefix)), Status::InvalidArgument);
    }
}

/// What a closure of a map owns is dropped once, also if the map is not added.
#[test]
fn closures_are_dropped() {
    let owned = Arc::new(());
    let storage = Storage::in_memory().unwrap();
    for prefix in ["files/", ""] {
        let mine = owned.clone();
        let map = Map::new(
            prefix,
            move |editor: &Editor| {
                let _ = &mine;
                &editor.recent
            },
            |editor| &mut editor.recent,
        );
        let fields = Persistence::new().with_map(map);
        assert_eq!(Arc::strong_count(&owned), 2);
        let attached = Runtime::without_update(Editor::default()).attach(&fields, &storage);
        assert_eq!(attached.is_err(), prefix.is_empty());
        assert_eq!(Arc::strong_count(&owned), 2);
        drop(fields);
        assert_eq!(Arc::strong_count(&owned), 1);
    }
}

#[cfg(feature = "serde")]
#[test]
fn values_that_serde_knows() {
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Place {
        x: i32,
        y: f64,
    }
    let storage = Storage::in_memory().unwrap();
    let fields = || Persistence::new().map("place/", |places: &HashMap<String, Place>| places, |places| places);
    let mut runtime = Runtime::without_update(HashMap::new());
    let session = runtime.attach(fields(), &storage).unwrap();
    let place = Place { x: 1, y: 0.5 };
    runtime.model_mut().insert("main".into(), place.clone());
    runtime.model_mut().insert("bad".into(), Place { x: 2, y: f64::NAN });
    fails(runtime.persist(&session), Status::Encode); // and does not store null, which it could not read again
    assert_eq!(keys(&storage), ["place/main={\"x\":1,\"y\":0.5}"]);
    let mut again = Runtime::without_update(HashMap::new());
    again.attach(fields(), &storage).unwrap();
    assert_eq!(again.model(), &HashMap::from([("main".to_string(), place)]));
}

/// JSON has no objects whose names are pairs.
#[cfg(feature = "serde")]
#[test]
fn an_entry_that_cannot_be_stored_touches_no_other() {
    type Odd = BTreeMap<(i32, i32), i32>;
    let storage = Storage::in_memory().unwrap();
    let fields = Persistence::new().map("odd/", |odd: &BTreeMap<String, Odd>| odd, |odd| odd);
    let mut runtime = Runtime::without_update(BTreeMap::new());
    let session = runtime.attach(fields, &storage).unwrap();
    runtime.model_mut().insert("a".into(), Odd::from([((1, 2), 3)]));
    runtime.model_mut().insert("b".into(), Odd::new());
    let error = fails(runtime.persist(&session), Status::Encode);
    assert!(std::error::Error::source(&error)
        .unwrap()
        .to_string()
        .contains("key must be a string"));
    assert_eq!(keys(&storage), ["odd/b={}"]);
}
