//! Storages on a Redis server that the tests start.

use crate::support::*;
use lily_session::{Durability, EventKind, RedisOptions, Runtime, Status, Storage};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A server that works takes far less.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a socket in a folder of its own, which ends with this value.
struct Server {
    process: Child,
    folder: Folder,
}

impl Server {
    /// Returns `None`, after a line that says so, if there is no Redis.
    fn start() -> Option<Self> {
        let folder = Folder::new();
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(folder.file("socket"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn();
        let process = match process {
            Ok(process) => process,
            Err(_) => {
                println!("skipped: redis-server is missing");
                return None;
            }
        };
        let begun = Instant::now();
        while UnixStream::connect(folder.file("socket")).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Server { process, folder })
    }

    fn url(&self) -> String {
        format!("unix://{}", self.folder.file("socket").display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn two_programs_lose_nothing() {
    let server = match Server::start() {
        Some(server) => server,
        None => return,
    };
    let (ours, theirs) = (Storage::redis(server.url()).unwrap(), Storage::redis(server.url()).unwrap());
    let (user, same_user) = (ours.scoped("user:42").unwrap(), theirs.scoped("user:42").unwrap());
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(shop_fields(), &user).unwrap();
    let mut other = Runtime::without_update(Shop::default());
    let others = other.attach(shop_fields(), &same_user).unwrap();

    runtime.model_mut().token = Some("t".into());
    other.model_mut().theme = "dark".into();
    runtime.persist(&session).unwrap();
    other.persist(&others).unwrap();
    other.refresh(&others).unwrap();
    assert_eq!((other.model().token.as_deref(), other.model().theme.as_str()), (Some("t"), "dark"));
    assert_eq!(ours.scopes().unwrap(), ["user:42"]);

    // A log-out here: what was there does not come back by a session there.
    user.clear().unwrap();
    other.refresh(&others).unwrap();
    assert_eq!(other.model(), &Shop::default());
    assert_eq!(user.get("lily_session_token").unwrap(), None);

    // Detaching does not wait for the disk of a server that has no file.
    runtime.model_mut().theme = "dark".into();
    runtime.detach(session).unwrap();
    assert_eq!(user.get("lily_session_theme").unwrap().as_deref(), Some("\"dark\""));
    fails(user.sync(), Status::NotDurable);
}

#[test]
fn options() {
    let server = match Server::start() {
        Some(server) => server,
        None => return,
    };
    let options = || RedisOptions::new().url(server.url());
    let replicated = options().replicas(1).timeout(Duration::from_millis(300)).open().unwrap();
    fails(replicated.scoped("user:1").unwrap().set("key", "1"), Status::NotDurable);
    let durable = options().durability(Durability::Power).idle(None).open().unwrap();
    fails(durable.scoped("user:1").unwrap().set("key", "2"), Status::NotDurable);
    assert_eq!(durable.info().unwrap().durability, Durability::Power);
    // It is stored all the same.
    assert_eq!(durable.scoped("user:1").unwrap().get("key").unwrap().as_deref(), Some("2"));

    let now = Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_secs(4_000_000_000)));
    let clock = {
        let now = now.clone();
        move || *now.lock().unwrap()
    };
    let timed = options().clock(clock).open().unwrap().scoped("user:1").unwrap();
    let soon = *now.lock().unwrap() + Duration::from_secs(60);
    timed.set_until("token", "1", soon).unwrap();
    assert_eq!(timed.get("token").unwrap().as_deref(), Some("1"));
    *now.lock().unwrap() = soon;
    assert_eq!(timed.get("token").unwrap(), None);
    let panics = options().clock(|| -> SystemTime { panic!("no time") });
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panics.open()?.get("key"))).is_err());
}

#[test]
fn the_server_is_gone() {
    let server = match Server::start() {
        Some(server) => server,
        None => return,
    };
    let events = Arc::new(Mutex::new(Vec::new()));
    let storage = Storage::redis(server.url()).unwrap().scoped("user:1").unwrap();
    let mut runtime = Runtime::without_update(Shop::default());
    let config = {
        let events = events.clone();
        lily_session::Config::new(&storage).on_event(move |event| events.lock().unwrap().push(event.kind))
    };
    let session = runtime.attach(shop_fields(), config).unwrap();
    drop(server);
    runtime.model_mut().visits = 1;
    fails(runtime.persist(&session), Status::Io);
    assert_eq!(*events.lock().unwrap(), [EventKind::WriteFailed]);
    assert_eq!(runtime.model().visits, 1);
}

#[test]
fn no_server_and_wrong_arguments() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = || RedisOptions::new().url(format!("rediss://:secret@{address}"));
    let error = fails(options().open(), Status::Io);
    assert!(error.message().contains(&address.to_string()) && !error.message().contains("secret"), "{error}");
    let lazy = options().lazy(true);
    assert!(!format!("{lazy:?}").contains("secret"));
    fails(lazy.open().unwrap().get("key"), Status::Io);
    for wrong in [
        options().url("http://host"),
        options().url("redis://\0"),
        options().timeout(Duration::ZERO),
        options().idle(Some(Duration::ZERO)),
        options().replicas(u32::MAX),
        options().ca_file("/no/such/file"),
        options().ca_file("a\0b"),
        options().certificate_file("/no/such/file"),
        options().certificate_file("/dev/null").key_file("/no/such/file"),
    ] {
        fails(wrong.lazy(true).open(), Status::InvalidArgument);
    }
}
