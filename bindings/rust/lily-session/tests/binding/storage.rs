use crate::support::*;
use lily_session::{Durability, Quota, Status, Storage};
use std::io::Read;
use std::os::unix::io::{AsFd, AsRawFd};
use std::time::{Duration, UNIX_EPOCH};

#[test]
fn get_set_remove() {
    let folder = Folder::new();
    let path = folder.file("journal");
    let storage = Storage::open(&path).unwrap();
    assert_eq!(storage.path(), Some(path.as_path()));
    assert_eq!(storage.get("key").unwrap(), None);
    storage.set("key", " { \"a\" : 1e2 } ").unwrap();
    assert_eq!(storage.get("key").unwrap().as_deref(), Some("{\"a\":1e2}"));
    storage.remove("key").unwrap();
    storage.remove("key").unwrap();
    assert_eq!(storage.get("key").unwrap(), None);
    let error = fails(storage.set("key", "{"), Status::Decode);
    assert!(error.message().contains("key"), "{error}");
    fails(storage.get(""), Status::InvalidArgument);
    fails(Storage::open(folder.file("none").join("journal")), Status::NotFound);
    fails(Storage::open("a\0b"), Status::InvalidArgument);
    assert!(format!("{storage:?}").contains("journal"));
    assert_eq!(Storage::in_memory().unwrap().path(), None);
}

#[test]
fn each_in_order_with_expiry() {
    let (clock, storage) = Clock::new();
    let soon = clock.now() + Duration::from_millis(10);
    storage.set("b2", "2").unwrap();
    storage.set_until("b1", "1", soon).unwrap();
    storage.set("a", "0").unwrap();
    let keys = |prefix: &str| {
        let mut keys = Vec::new();
        storage
            .each(prefix, |item| keys.push((item.key.to_owned(), item.json.to_owned(), item.expires_at)))
            .unwrap();
        keys
    };
    assert_eq!(keys("b"), [("b1".into(), "1".into(), Some(soon)), ("b2".into(), "2".into(), None)]);
    assert_eq!(keys("").len(), 3);
    clock.advance(10);
    assert_eq!(keys("b").len(), 1);
    // The beginning of 1970 is a time in the past, and not "never".
    storage.set_until("a", "0", UNIX_EPOCH).unwrap();
    assert_eq!(storage.get("a").unwrap(), None);
    fails(storage.set_until("a", "0", UNIX_EPOCH - Duration::from_secs(1)), Status::InvalidArgument);

    // The walk works on a snapshot. It may change the storage, and ends at an error.
    storage.set("b3", "3").unwrap();
    let mut visited = 0;
    let ended = storage.each("b", |item| {
        visited += 1;
        storage.remove(item.key)?;
        Err::<(), lily_session::BoxError>("enough".into())
    });
    let error = fails(ended, Status::Callback);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "enough");
    assert_eq!((visited, keys("b").len()), (1, 1));
    fails(storage.each("a\0", |_| ()), Status::InvalidArgument);
}

#[test]
fn scopes_are_their_own_and_outlive_their_parents_handle() {
    let (clock, parent) = Clock::new();
    let (one, other) = (parent.scoped("user:1").unwrap(), parent.scoped("user:10").unwrap());
    one.set("lily_session_a", "1").unwrap();
    other
        .set_until("lily_session_a", "2", clock.now() + Duration::from_millis(5))
        .unwrap();
    assert_eq!(parent.get("lily_session_a").unwrap(), None);
    one.clear().unwrap();
    assert_eq!((stored(&one, "a"), stored(&other, "a").as_deref()), (None, Some("2")));
    fails(one.scoped("more"), Status::Unsupported);
    fails(parent.scoped(""), Status::InvalidArgument);
    fails(parent.scoped("a\0"), Status::InvalidArgument);
    // The scope still calls the clock of its parent.
    drop(parent);
    clock.advance(5);
    assert_eq!(stored(&other, "a"), None);
}

#[test]
fn scopes_are_listed_and_swept() {
    let (clock, storage) = Clock::new();
    assert_eq!(storage.scopes().unwrap(), Vec::<String>::new());
    for name in ["crème", "user:2", "user:10"] {
        let scope = storage.scoped(name).unwrap();
        let ends = name.starts_with("user");
        let expiry = clock.now() + Duration::from_millis(5);
        if ends {
            scope.set_until("k", "1", expiry).unwrap()
        } else {
            scope.set("k", "1").unwrap()
        }
    }
    assert_eq!(storage.scopes().unwrap(), ["crème", "user:10", "user:2"]);
    assert_eq!(storage.sweep(None).unwrap(), 0);
    clock.advance(5);
    assert_eq!(storage.scopes().unwrap(), ["crème"]);
    fails(storage.sweep(Some(0)), Status::InvalidArgument);
    assert_eq!([Some(1), Some(5), None].map(|limit| storage.sweep(limit).unwrap()), [1, 1, 0]);
    assert_eq!(storage.info().unwrap().entries, 1);
    let scope = storage.scoped("crème").unwrap();
    fails(scope.scopes(), Status::Unsupported);
    fails(scope.sweep(None), Status::Unsupported);
}

#[test]
fn an_exclusive_storage_alone_writes() {
    let folder = Folder::new();
    let path = folder.file("journal");
    let exclusive = Storage::options().exclusive(true).open(&path).unwrap();
    fails(Storage::options().exclusive(true).open(&path), Status::Busy);
    drop(exclusive);
    Storage::options().exclusive(true).open(&path).unwrap().set("k", "1").unwrap();
    fails(Storage::options().exclusive(true).read_only(true).open(&path), Status::InvalidArgument);
}

#[test]
fn each_scope_is_a_file_of_its_own() {
    let folder = Folder::new();
    let storage = Storage::options().scope_files(true).open(folder.file("journal")).unwrap();
    let scope = storage.scoped("user:1").unwrap();
    scope.set("lily_session_k", "1").unwrap();
    let path = scope.path().unwrap();
    assert!(path.starts_with(folder.file("journal.d")) && path.exists(), "{path:?}");
    assert_eq!(storage.scopes().unwrap(), ["user:1"]);
    scope.clear().unwrap();
    assert_eq!(storage.scopes().unwrap(), Vec::<String>::new());
    assert_eq!(storage.sweep(None).unwrap(), 1);
    assert!(!path.exists());
    fails(Storage::open(folder.file("journal")).unwrap().scopes(), Status::Unsupported);
}

#[test]
fn closing_does_not_sync_if_it_is_told_so() {
    for no_sync in [false, true] {
        let folder = Folder::new();
        let storage = Storage::options().no_sync(no_sync).open(folder.file("journal")).unwrap();
        storage.set("k", "\"secret\"").unwrap();
        storage.remove("k").unwrap();
        drop(storage);
        // A sync rewrites the file without the values that were removed.
        let text = std::fs::read_to_string(folder.file("journal")).unwrap();
        assert_eq!(text.contains("secret"), no_sync);
    }
}

#[test]
fn options() {
    let folder = Folder::new();
    let path = folder.file("journal");
    fails(Storage::options().read_only(true).open(&path), Status::NotFound);
    let storage = Storage::options()
        .durability(Durability::Power)
        .quota(Quota::Bytes(100))
        .open(&path)
        .unwrap();
    storage.set("k", "1").unwrap();
    fails(storage.set("long", format!("\"{}\"", "x".repeat(100))), Status::Quota);
    let info = storage.info().unwrap();
    assert!(!info.directory_is_open);
    assert_eq!(info.path.as_deref(), Some(path.as_path()));
    assert_eq!((info.entries, info.live_bytes, info.quota), (1, 2, Quota::Bytes(100)));
    assert_eq!((info.durability, info.owes_sync, info.damaged_lines), (Durability::Power, false, 0));
    assert_eq!(info.file_bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(info.last_compaction, None);

    let lax = Storage::options().quota(Quota::Unlimited).open(&path).unwrap();
    lax.set("gone", "1").unwrap();
    assert!(lax.info().unwrap().owes_sync);
    lax.remove("gone").unwrap();
    lax.sync().unwrap();
    let info = lax.info().unwrap();
    assert_eq!((info.quota, info.owes_sync, info.durability), (Quota::Unlimited, false, Durability::Process));
    assert!(info.last_compaction.is_some());
    assert_eq!(Storage::in_memory().unwrap().info().unwrap().quota, Quota::Bytes(5 << 20));

    let reader = Storage::options().read_only(true).open(&path).unwrap();
    fails(reader.set("k", "2"), Status::Permission);
    assert!(Storage::options()
        .read_only(true)
        .read_only(false)
        .open(&path)
        .unwrap()
        .set("k", "2")
        .is_ok());

    let mut text = std::fs::read(&path).unwrap();
    let at = text.len() - 4;
    text[at] ^= 1;
    std::fs::write(&path, text).unwrap();
    fails(Storage::options().strict(true).open(&path), Status::Corrupt);
    assert_eq!(Storage::open(&path).unwrap().info().unwrap().damaged_lines, 1);

    for quota in [0, u64::MAX] {
        fails(Storage::options().quota(Quota::Bytes(quota)).in_memory(), Status::InvalidArgument);
    }
    fails(Storage::options().application("x").in_memory(), Status::InvalidArgument);
    fails(Storage::options().application("a\0").open_default(), Status::InvalidArgument);
    fails(Storage::options().application("a/b").open_default(), Status::InvalidArgument);
}

/// The test runs itself as a separate program, because it changes the environment.
#[test]
fn default_place() {
    if std::env::var_os("LILY_SESSION_TEST_PLACE").is_some() {
        let storage = Storage::options().application("rust-test").open_default().unwrap();
        storage.set("lily_session_a", "1").unwrap();
        println!("place {}", storage.path().unwrap().display());
        let own = Storage::open_default().unwrap();
        own.set("lily_session_a", "1").unwrap();
        lily_session::clear_default().unwrap();
        assert_eq!((stored(&own, "a"), stored(&storage, "a").as_deref()), (None, Some("1")));
        return;
    }
    let folder = Folder::new();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "storage::default_place", "--nocapture"])
        .env("LILY_SESSION_TEST_PLACE", "1")
        .env("LILY_SESSION_DIR", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("place {}", folder.file("rust-test/session.jsonl").display())), "{text}");
}

extern "C" {
    fn poll(fds: *mut Poll, count: std::os::raw::c_ulong, timeout: i32) -> i32;
}

#[repr(C)]
struct Poll {
    fd: i32,
    events: i16,
    revents: i16,
}

fn readable(fd: i32, timeout: i32) -> bool {
    let mut one = Poll { fd, events: 1, revents: 0 };
    // SAFETY: one struct, for the call.
    unsafe { poll(&mut one, 1, timeout) == 1 }
}

#[test]
fn watch_tells_of_changes() {
    let folder = Folder::new();
    let path = folder.file("journal");
    let (mine, theirs) = (Storage::open(&path).unwrap(), Storage::open(&path).unwrap());
    let watch = mine.watch().unwrap();
    assert_eq!(watch.as_raw_fd(), watch.as_fd().as_raw_fd());
    watch.storage().get("k").unwrap();
    assert!(!readable(watch.as_raw_fd(), 0));
    theirs.set("k", "1").unwrap();
    assert!(readable(watch.as_raw_fd(), 10_000));
    assert_eq!(mine.get("k").unwrap().as_deref(), Some("1"));
    assert!(!readable(watch.as_raw_fd(), 0));
    // The watch keeps the storage open.
    drop(mine);
    theirs.set("k", "2").unwrap();
    assert!(readable(watch.as_raw_fd(), 10_000));
    assert!(Storage::in_memory().unwrap().watch().is_some());
}

#[test]
fn threads_share_a_storage() {
    let folder = Folder::new();
    let storage = Storage::open(folder.file("journal")).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let storage = storage.clone();
            std::thread::spawn(move || {
                for number in 0..50 {
                    storage.set(&format!("{thread}/{number}"), number.to_string()).unwrap();
                    assert!(storage.get(&format!("{thread}/0")).unwrap().is_some());
                    // The error is that of this thread, not of another one.
                    let error = fails(storage.set(&format!("bad {thread}"), "{"), Status::Decode);
                    assert!(error.message().contains(&format!("bad {thread}")), "{error}");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(storage.info().unwrap().entries, 200);
}

#[test]
fn statuses_have_the_headers_names_and_numbers() {
    for (status, name, code) in [
        (Status::InvalidArgument, "LILY_SESSION_ERROR_INVALID_ARGUMENT", -1),
        (Status::NotDurable, "LILY_SESSION_ERROR_NOT_DURABLE", -22),
        (Status::Busy, "LILY_SESSION_ERROR_BUSY", -27),
        (Status::Other(-999), "LILY_SESSION_ERROR_UNKNOWN", -999),
    ] {
        assert_eq!((status.name(), status.to_string().as_str(), status.code()), (name, name, code));
    }
    let error = lily_session::Error::from(Status::Quota);
    assert_eq!((error.status(), error.message()), (Status::Quota, "LILY_SESSION_ERROR_QUOTA"));
}

#[test]
fn the_file_is_lines_of_json() {
    let folder = Folder::new();
    let storage = Storage::open(folder.file("journal")).unwrap();
    storage.set("lily_session_theme", "\"dark\"").unwrap();
    let mut text = String::new();
    std::fs::File::open(folder.file("journal"))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.lines().last().unwrap().contains("\"lily_session_theme\",\"dark\""), "{text}");
}
