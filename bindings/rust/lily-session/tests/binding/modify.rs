//! Modifications: nothing is lost, whoever else stores at the same time. And the calls that go with them: reset, open, and those for all
//! sessions of a runtime.

use crate::support::*;
use lily_session::{BoxError, Change, Config, Entry, EventKind, Field, Json, Persistence};
use lily_session::{Runtime, Session, Status, Storage, Stored};
use std::error::Error;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

fn attached(storage: &Storage) -> (Runtime<Shop>, Session) {
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), storage).unwrap();
    (runtime, session)
}

fn one_more(visits: Option<&i64>) -> Result<i64, BoxError> {
    Ok(visits.unwrap_or(&0) + 1)
}

#[test]
fn two_sessions_count() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    let (one, two) = (Storage::open(&path).unwrap(), Storage::open(&path).unwrap());
    let ((mut ours, our), (mut theirs, their)) = (attached(&one), attached(&two));
    ours.modify(&our, "visits", one_more).unwrap();
    theirs.modify(&their, "visits", one_more).unwrap();
    assert_eq!((ours.model().visits, theirs.model().visits), (1, 2));
    ours.modify(&our, "visits", one_more).unwrap();
    assert_eq!((ours.model().visits, stored(&two, "visits").as_deref()), (3, Some("3")));
    assert_eq!(ours.field_state(&our, "visits").unwrap().stored, Stored::Loaded);

    // What the program changed itself is stored before.
    ours.model_mut().theme = "dark".into();
    ours.model_mut().visits = 40;
    ours.modify(&our, "visits", one_more).unwrap();
    assert_eq!((stored(&two, "visits").as_deref(), stored(&two, "theme").as_deref()), (Some("41"), Some("\"dark\"")));
}

#[test]
fn it_is_made_again_when_overtaken() {
    let storage = Storage::in_memory().unwrap();
    let (mut runtime, session) = attached(&storage);
    let mut given = Vec::new();
    let modify = |token: Option<&Option<String>>| {
        given.push(token.cloned());
        if given.len() == 1 {
            storage.set("lily_session_token", "null")?; // as another program may
        }
        Ok(Some(format!("token {}", given.len())))
    };
    runtime.modify(&session, "token", modify).unwrap();
    assert_eq!(given, [None, Some(None)]);
    assert_eq!(runtime.model().token.as_deref(), Some("token 2"));
    assert_eq!(stored(&storage, "token").as_deref(), Some("\"token 2\""));
}

#[test]
fn what_fails_changes_nothing() {
    let storage = Storage::in_memory().unwrap();
    let (mut runtime, session) = attached(&storage);
    runtime.modify(&session, "visits", |_: Option<&i64>| Ok(5)).unwrap();
    let error = fails(runtime.modify(&session, "visits", |_: Option<&i64>| Err("boom".into())), Status::Callback);
    assert_eq!(error.source().unwrap().to_string(), "boom");
    fails(runtime.modify(&session, "none", one_more), Status::NotFound);
    fails(runtime.modify(&session, "a\0", one_more), Status::InvalidArgument);
    // The closure has another type than the field.
    let error = fails(runtime.modify(&session, "visits", |_: Option<&String>| Ok("six".into())), Status::Decode);
    assert!(error.source().unwrap().to_string().contains("type of the closure"));
    storage.remove("lily_session_visits").unwrap();
    fails(runtime.modify(&session, "visits", |_: Option<&String>| Ok("six".into())), Status::Encode);
    storage.set("lily_session_visits", "\"not a number\"").unwrap();
    fails(runtime.modify(&session, "visits", one_more), Status::Decode);
    assert_eq!(stored(&storage, "visits").as_deref(), Some("\"not a number\""));
    assert_eq!(runtime.model(), &Shop { visits: 5, ..Shop::default() });

    storage.set("key", "1").unwrap();
    let error = fails(storage.modify("key", |_| Err("boom".into())), Status::Callback);
    assert_eq!(error.source().unwrap().to_string(), "boom");
    fails(storage.modify("key", |_| Ok("{".into())), Status::Decode);
    assert_eq!(storage.get("key").unwrap().as_deref(), Some("1"));
}

#[test]
fn versions() {
    let storage = Storage::in_memory().unwrap();
    let (mut older, old) = attached(&storage);
    let visits = Field::new("visits", |visits: &i64| visits, |visits, new| *visits = new)
        .version(1)
        .migrate(|_, json: &str| json.parse().map(|visits: i64| visits * 10));
    let mut newer = Runtime::without_update(0);
    let new = newer.attach(Persistence::new().with(visits), &storage).unwrap();
    older.modify(&old, "visits", |_: Option<&i64>| Ok(4)).unwrap();
    newer.modify(&new, "visits", one_more).unwrap();
    assert_eq!(*newer.model(), 41);
    fails(older.modify(&old, "visits", one_more), Status::Newer);
}

#[test]
fn a_storages_own_key() {
    let (clock, storage) = Clock::new();
    let storage = storage.scoped("user:42").unwrap();
    let soon = clock.now() + Duration::from_millis(10);
    storage.set_until("key", "1", soon).unwrap();
    let modify = |json: Option<&str>| Ok(format!(" [ {} ] ", json.unwrap_or("0")));
    storage.modify("key", modify).unwrap();
    let mut found = Vec::new();
    storage
        .each("", |item| found.push((item.json.to_owned(), item.expires_at)))
        .unwrap();
    assert_eq!(found, [("[1]".to_string(), Some(soon))]);
    clock.advance(10);
    storage.modify("key", modify).unwrap();
    assert_eq!(storage.get("key").unwrap().as_deref(), Some("[0]"));
}

#[test]
fn several_keys_in_one_step() {
    let folder = Folder::new();
    let path = folder.file("journal");
    let lines = || std::fs::read_to_string(&path).unwrap().lines().count();
    let storage = Storage::open(&path).unwrap();
    storage.set("from", "1").unwrap();
    let before = lines();
    let past = Entry { expires_at: Some(UNIX_EPOCH), ..Entry::new("1") };
    storage
        .write([Change::Put("to", Entry::new("{ }")), Change::Remove("from"), Change::Put("past", past)])
        .unwrap();
    assert_eq!(lines(), before + 1);
    assert_eq!((storage.get("from").unwrap(), storage.get("past").unwrap()), (None, None));
    assert_eq!(storage.get("to").unwrap().as_deref(), Some("{}"));
    storage.write([]).unwrap();
    let put = |key| Change::Put(key, Entry::new("2"));
    fails(storage.write([put("to"), Change::Remove("to")]), Status::DuplicateKey);
    fails(storage.write([put("to"), put("a\0")]), Status::InvalidArgument);
    fails(storage.write([put("to"), Change::Put("b", Entry::new("{"))]), Status::Decode);
    assert_eq!(storage.get("to").unwrap().as_deref(), Some("{}"));
}

#[test]
fn reset_removes_and_restores() {
    let storage = Storage::in_memory().unwrap();
    let (mut runtime, session) = attached(&storage);
    runtime.model_mut().theme = "dark".into();
    runtime.persist(&session).unwrap();
    runtime.model_mut().theme = "not stored".into();
    runtime.reset(&session, "theme").unwrap();
    assert_eq!((runtime.model().theme.as_str(), stored(&storage, "theme")), ("light", None));
    fails(runtime.reset(&session, "none"), Status::NotFound);
    runtime.detach(session).unwrap();
    assert_eq!(storage.info().unwrap().entries, 0);
}

#[test]
fn all_sessions_of_a_runtime() {
    let (clock, one) = Clock::new();
    let at = clock.clone();
    let two = Storage::options().clock(move || at.now()).in_memory().unwrap();
    let told: Told = Arc::default();
    let config = |storage: &Storage| {
        let told = told.clone();
        Config::new(storage).on_event(move |event| {
            told.lock().unwrap().push((event.kind, event.key.map(str::to_owned), None));
        })
    };
    let theme = Field::new("theme", |shop: &Shop| &shop.theme, |shop, theme| shop.theme = theme)
        .expires_after(Duration::from_millis(20));
    let visits = Field::new("visits", |shop: &Shop| &shop.visits, |shop, visits| shop.visits = visits)
        .expires_after(Duration::from_millis(10));
    let mut runtime = Runtime::without_update(Shop::default());
    runtime.attach(Persistence::new().with(theme), config(&one)).unwrap();
    runtime.attach(Persistence::new().with(visits), config(&two)).unwrap();
    assert_eq!(runtime.next_expiry_of_all(), None);
    *runtime.model_mut() = Shop { theme: "dark".into(), visits: 1, token: None };
    runtime.persist_all().unwrap();
    assert_eq!((stored(&one, "theme").as_deref(), stored(&two, "visits").as_deref()), (Some("\"dark\""), Some("1")));
    assert_eq!(runtime.next_expiry_of_all(), Some(Duration::from_millis(10)));
    one.set("lily_session_theme", "\"dim\"").unwrap();
    two.set("lily_session_visits", "2").unwrap();
    runtime.refresh_all().unwrap();
    assert_eq!(runtime.model(), &Shop { theme: "dim".into(), visits: 2, token: None });
    let changed = |key: &str| (EventKind::Changed, Some(key.to_owned()), None);
    assert_eq!(*told.lock().unwrap(), [changed("theme"), changed("visits")]);
}

/// Runs the test with this name again as separate programs, for which `FOLDER` is set.
fn run_again(test: &str, folder: &Folder, times: usize) {
    let children: Vec<_> = (0..times)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", test, "--nocapture"])
                .env(FOLDER, "1")
                .env("LILY_SESSION_DIR", folder.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    children
        .into_iter()
        .for_each(|mut child| assert!(child.wait().unwrap().success()));
}

const FOLDER: &str = "LILY_SESSION_TEST_RUNS_AGAIN";

#[test]
fn open_in_one_call() {
    if std::env::var_os(FOLDER).is_none() {
        return run_again("modify::open_in_one_call", &Folder::new(), 1);
    }
    let (mut runtime, session) = lily_session::open("rust-open", Shop::default(), shop_fields()).unwrap();
    runtime.model_mut().theme = "dark".into();
    runtime.persist(&session).unwrap();
    runtime.model_mut().visits = 2;
    drop(runtime);
    let (runtime, _) = lily_session::open("rust-open", Shop::default(), shop_fields()).unwrap();
    assert_eq!(runtime.model(), &Shop { theme: "dark".into(), visits: 2, token: None });
    fails(lily_session::open("no/name", Shop::default(), shop_fields()), Status::InvalidArgument);
}

#[test]
fn four_processes_count_to_1000() {
    let open = || lily_session::open("rust-count", Shop::default(), shop_fields()).unwrap();
    if std::env::var_os(FOLDER).is_some() {
        let (mut runtime, session) = open();
        let storage = Storage::options().application("rust-count").open_default().unwrap();
        for _ in 0..250 {
            runtime.modify(&session, "visits", one_more).unwrap();
            storage
                .modify("calls", |json| Ok((json.unwrap_or("0").parse::<i64>()? + 1).to_string()))
                .unwrap();
        }
        return;
    }
    let folder = Folder::new();
    run_again("modify::four_processes_count_to_1000", &folder, 4);
    let storage = Storage::open(folder.file("rust-count/session.jsonl")).unwrap();
    assert_eq!(stored(&storage, "visits").as_deref(), Some("1000"));
    assert_eq!(storage.get("calls").unwrap().as_deref(), Some("1000"));
}

#[test]
fn json_text() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = Runtime::without_update(Json::default());
    let fields = Persistence::new().field("json", |json: &Json| json, |json, new| *json = new);
    let session = runtime.attach(fields, &storage).unwrap();
    for expected in ["[]", "[[]]"] {
        let modify = |json: Option<&Json>| Ok(Json(json.map_or_else(|| "[]".into(), |Json(json)| format!("[{json}]"))));
        runtime.modify(&session, "json", modify).unwrap();
        assert_eq!(runtime.model().0, expected);
    }
}
