//! What a program can learn of a failure.

use crate::support::*;
use lily_session::{Backend, Change, Entry, Error, Persistence, Result, Runtime, Status, Storage};
use std::error::Error as _;
use std::io;

#[test]
fn of_a_file_have_its_path_and_the_systems_error() {
    let folder = Folder::new();
    let path = folder.file("no").join("session.jsonl");
    let error = Storage::open(&path).unwrap_err();
    assert_eq!((error.path(), error.raw_os_error()), (Some(&*path), Some(2)));
    assert_eq!(error.io_kind(), io::ErrorKind::NotFound);
    let system = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(system.raw_os_error(), Some(2));

    let text = error.to_string();
    let error: io::Error = error.into();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_eq!(error.to_string(), text);
    assert_eq!(error.get_ref().unwrap().downcast_ref::<Error>().unwrap().path(), Some(&*path));
}

#[test]
fn of_a_storage_and_a_session_name_the_file() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    drop(Storage::open(&path).unwrap());
    let storage = Storage::options().read_only(true).open(&path).unwrap();
    let error = fails(storage.set("k", "1"), Status::Permission);
    assert_eq!((error.path(), error.io_kind()), (storage.path(), io::ErrorKind::PermissionDenied));
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), &storage).unwrap();
    runtime.model_mut().visits = 1;
    for error in [
        fails(runtime.persist(&session), Status::Permission),
        fails(runtime.persist_all(), Status::Permission),
        fails(runtime.detach(session), Status::Permission),
    ] {
        assert_eq!(error.path(), storage.path());
    }
}

#[test]
fn of_the_call_have_no_path() {
    let storage = Storage::in_memory().unwrap();
    let error = fails(storage.set("k", "{"), Status::Decode);
    assert_eq!((error.path(), error.raw_os_error(), error.io_kind()), (None, None, io::ErrorKind::InvalidData));
    assert!(error.source().is_none());
    assert_eq!(fails(storage.set("", "1"), Status::InvalidArgument).io_kind(), io::ErrorKind::InvalidInput);
}

struct Full;

impl Backend for Full {
    fn read(&self, _: &str) -> Result<Option<Entry>> {
        Ok(None)
    }
    fn write(&self, _: Vec<Change<'_>>, _: Option<(&str, u64)>) -> Result<()> {
        Err(io::Error::from_raw_os_error(104).into())
    }
    fn clear(&self, _: &str) -> Result<()> {
        Err(Error::new(Status::Busy, "somebody holds the table"))
    }
    fn generation(&self, _: &str) -> Result<u64> {
        Ok(0)
    }
    fn each(&self, _: &str, _: &mut dyn FnMut(&str, &Entry) -> Result<()>) -> Result<()> {
        Err(Status::Quota.into())
    }
}

/// A backend's error is the source, and its words and number are the library's, too.
#[test]
fn of_a_backend_keep_their_words_and_number() {
    let storage = Storage::backend(Full).unwrap();
    let error = fails(storage.set("k", "1"), Status::Io);
    assert_eq!((error.raw_os_error(), error.io_kind()), (Some(104), io::ErrorKind::ConnectionReset));
    assert!(error
        .source()
        .unwrap()
        .downcast_ref::<Error>()
        .unwrap()
        .source()
        .unwrap()
        .is::<io::Error>());
    assert!(fails(storage.clear(), Status::Busy)
        .message()
        .contains("somebody holds the table"));
    assert!(!fails(storage.each("", |_| ()), Status::Quota).message().contains("LILY"));

    let mut runtime = Runtime::without_update(0);
    let fields = Persistence::new().field("n", |n: &i64| n, |n, new| *n = new);
    let config = lily_session::Config::new(&storage).keep_events();
    let session = runtime.attach(fields, config).unwrap();
    *runtime.model_mut() = 1;
    fails(runtime.persist(&session), Status::Io);
    assert_eq!(runtime.take_events(&session)[0].system_error, Some(104));
}
