use crate::support::*;
use lily_session::{Backend, Change, Entry, Error, Field, Persistence, Result, Runtime, Status, Storage, Stored};
use std::collections::{BTreeMap, HashMap};
use std::os::unix::io::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// The entries, and how often each prefix was cleared.
type Tables = (BTreeMap<String, Entry>, HashMap<String, u64>);

/// What another program does.
type Meanwhile = Box<dyn FnOnce(&mut Tables) + Send>;

/// A store in memory, which records the calls.
#[derive(Default)]
struct Inner {
    table: Mutex<Tables>,
    fails: Mutex<Option<Status>>,
    syncs: AtomicU32,
    closes: AtomicU32,
    drops: AtomicU32,
    renews: bool,
    renewals: AtomicU32,
    replaces: bool,
    replacements: AtomicU32,
    /// The scopes that it lists, if it lists any.
    scopes: Mutex<Option<Vec<&'static str>>>,
    /// What another program does just before a renewal or a replacement.
    meanwhile: Mutex<Option<Meanwhile>>,
    socket: Option<UnixStream>,
}

#[derive(Clone, Default)]
struct Table(Arc<Inner>);

/// The backend that the storage owns. It counts its drops.
struct Owned(Table);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0 .0.drops.fetch_add(1, Ordering::Relaxed);
    }
}

impl Owned {
    fn table(&self) -> Result<MutexGuard<'_, Tables>> {
        match *self.0 .0.fails.lock().unwrap() {
            Some(Status::Io) => Err(std::io::Error::new(std::io::ErrorKind::Other, "the wire is cut").into()),
            Some(status) => Err(Error::new(status, "as told")),
            None => Ok(self.0 .0.table.lock().unwrap()),
        }
    }

    fn other_program(&self) -> Result<()> {
        if let Some(meanwhile) = self.0 .0.meanwhile.lock().unwrap().take() {
            meanwhile(&mut *self.table()?);
        }
        Ok(())
    }
}

impl Backend for Owned {
    fn read(&self, key: &str) -> Result<Option<Entry>> {
        Ok(self.table()?.0.get(key).cloned())
    }

    fn write(&self, changes: Vec<Change<'_>>, expected: Option<(&str, u64)>) -> Result<()> {
        let mut table = self.table()?;
        if let Some((prefix, generation)) = expected {
            if table.1.get(prefix).copied().unwrap_or(0) != generation {
                return Err(Status::Newer.into());
            }
        }
        for change in changes {
            match change {
                Change::Put(key, entry) => drop(table.0.insert(key.into(), entry)),
                Change::Remove(key) => drop(table.0.remove(key)),
            }
        }
        Ok(())
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        let mut table = self.table()?;
        table.0.retain(|key, _| !key.starts_with(prefix));
        *table.1.entry(prefix.into()).or_default() += 1;
        Ok(())
    }

    fn generation(&self, prefix: &str) -> Result<u64> {
        Ok(self.table()?.1.get(prefix).copied().unwrap_or(0))
    }

    fn each(&self, prefix: &str, visit: &mut dyn FnMut(&str, &Entry) -> Result<()>) -> Result<()> {
        let found: Vec<_> = self
            .table()?
            .0
            .iter()
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect();
        found
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .try_for_each(|(key, entry)| visit(key, entry))
    }

    fn sync(&self) -> Result<()> {
        self.0 .0.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.0 .0.socket.as_ref().map(AsFd::as_fd)
    }

    fn close(&self) {
        self.0 .0.closes.fetch_add(1, Ordering::Relaxed);
    }

    fn renews(&self) -> bool {
        self.0 .0.renews
    }

    fn renew(&self, key: &str, entry: &Entry) -> Result<bool> {
        self.0 .0.renewals.fetch_add(1, Ordering::Relaxed);
        self.other_program()?;
        let mut table = self.table()?;
        match table.0.get_mut(key) {
            Some(held) if (&held.json, held.version) == (&entry.json, entry.version) => {
                held.expires_at = entry.expires_at
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn replaces(&self) -> bool {
        self.0 .0.replaces
    }

    fn replace(&self, key: &str, stored: Option<&Entry>, entry: &Entry, expected: Option<(&str, u64)>) -> Result<bool> {
        self.0 .0.replacements.fetch_add(1, Ordering::Relaxed);
        self.other_program()?;
        let found = self.read(key)?;
        let same = |entry: &Entry| (entry.json.clone(), entry.version);
        if found.as_ref().map(same) != stored.map(same) {
            return Ok(false);
        }
        self.write(vec![Change::Put(key, entry.clone())], expected)?;
        Ok(true)
    }

    fn lists_scopes(&self) -> bool {
        self.0 .0.scopes.lock().unwrap().is_some()
    }

    fn scopes(&self) -> Result<Vec<String>> {
        drop(self.table()?); // this fails if it is told so
        let names = self.0 .0.scopes.lock().unwrap().clone();
        Ok(names.unwrap_or_default().into_iter().map(str::to_owned).collect())
    }
}

#[test]
fn a_value_is_replaced_in_one_step() {
    for replaces in [false, true] {
        let table = Table(Arc::new(Inner { replaces, ..Inner::default() }));
        let storage = Storage::backend(Owned(table.clone())).unwrap();
        let visits = Field::new("visits", |shop: &Shop| &shop.visits, |shop, visits| shop.visits = visits).version(7);
        let mut runtime = Runtime::without_update(Shop::default());
        let session = runtime.attach(Persistence::new().with(visits), &storage).unwrap();
        let mut count = |meanwhile: Option<Meanwhile>, expected: i64| {
            *table.0.meanwhile.lock().unwrap() = meanwhile;
            runtime
                .modify(&session, "visits", |visits: Option<&i64>| Ok(visits.unwrap_or(&0) + 1))
                .unwrap();
            assert_eq!(runtime.model().visits, expected);
            let expected = Entry { version: 7, ..Entry::new(expected.to_string()) };
            assert_eq!(table.0.table.lock().unwrap().0["lily_session_visits"], expected);
        };
        if !replaces {
            count(None, 1);
            count(None, 2);
            continue;
        }
        // Another program clears, but nothing is stored before and after that.
        count(Some(Box::new(|tables| *tables.1.entry("lily_session_".into()).or_default() += 1)), 1);
        assert_eq!(table.0.replacements.load(Ordering::Relaxed), 2);
        count(Some(Box::new(|tables| tables.0.get_mut("lily_session_visits").unwrap().json = "7".into())), 8);
        assert_eq!(table.0.replacements.load(Ordering::Relaxed), 4);
        storage
            .modify("key", |json| Ok(format!("[{}]", json.unwrap_or_default())))
            .unwrap();
        assert_eq!(storage.get("key").unwrap().as_deref(), Some("[]"));
        assert_eq!(table.0.replacements.load(Ordering::Relaxed), 5);
    }
}

#[test]
fn a_backend_lists_its_scopes() {
    for lists in [false, true] {
        let table = Table::default();
        let list = |names: &[&'static str]| *table.0.scopes.lock().unwrap() = Some(names.to_vec());
        if lists {
            list(&["b", "crème", "empty"]);
        }
        let storage = Storage::backend(Owned(table.clone())).unwrap();
        for name in ["crème", "b", "hidden"] {
            storage.scoped(name).unwrap().set("k", "1").unwrap();
        }
        let found = storage.scopes().unwrap();
        assert_eq!(storage.sweep(None).unwrap(), 0);
        if !lists {
            assert_eq!(found, ["b", "crème", "hidden"]);
            continue;
        }
        assert_eq!(found, ["b", "crème"]);
        for wrong in ["", "a\0b"] {
            list(&["b", wrong]);
            fails(storage.scopes(), Status::InvalidArgument);
        }
        *table.0.fails.lock().unwrap() = Some(Status::Quota);
        let error = fails(storage.scopes(), Status::Quota);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "as told");
        fails(storage.sweep(None), Status::Quota);
    }
}

#[test]
fn an_entry_is_renewed_in_one_step() {
    for renews in [false, true] {
        let (clock, _) = Clock::new();
        let at = clock.clone();
        let table = Table(Arc::new(Inner { renews, ..Inner::default() }));
        let storage = Storage::options()
            .clock(move || at.now())
            .backend(Owned(table.clone()))
            .unwrap();
        let token = Field::new("token", |shop: &Shop| &shop.token, |shop, token| shop.token = token)
            .expires_after(Duration::from_millis(5))
            .version(7);
        let mut runtime = Runtime::without_update(Shop::default());
        let session = runtime.attach(Persistence::new().with(token), &storage).unwrap();
        runtime.model_mut().token = Some("t".into());
        runtime.persist(&session).unwrap();
        let expect = |json: &str| {
            let expires_at = Some(clock.now() + Duration::from_millis(5));
            let expected = Entry { json: json.into(), expires_at, version: 7 };
            assert_eq!(table.0.table.lock().unwrap().0["lily_session_token"], expected);
        };
        clock.advance(1);
        runtime.touch(&session, "token").unwrap();
        expect("\"t\"");
        assert_eq!(table.0.renewals.load(Ordering::Relaxed), u32::from(renews));
        if renews {
            // Another program stores the field in between, and its value is renewed.
            *table.0.meanwhile.lock().unwrap() =
                Some(Box::new(|tables| tables.0.get_mut("lily_session_token").unwrap().json = "\"u\"".into()));
            clock.advance(1);
            runtime.touch(&session, "token").unwrap();
            expect("\"u\"");
            assert_eq!(table.0.renewals.load(Ordering::Relaxed), 3);
        }
    }
}

#[test]
fn a_session_in_a_backend() {
    let table = Table::default();
    let (clock, _) = Clock::new();
    let at = clock.clone();
    let storage = Storage::options()
        .clock(move || at.now())
        .backend(Owned(table.clone()))
        .unwrap();
    let token = Field::new("token", |shop: &Shop| &shop.token, |shop, token| shop.token = token)
        .expires_after(Duration::from_millis(5))
        .version(7);
    let fields =
        Persistence::new()
            .with(token)
            .field("theme", |shop: &Shop| &shop.theme, |shop, theme| shop.theme = theme);
    let mut runtime = Runtime::without_update(Shop::default());
    let session = runtime.attach(fields, &storage).unwrap();
    *runtime.model_mut() = Shop { token: Some("é".into()), theme: "dark".into(), visits: 0 };
    runtime.flush(&session).unwrap();
    let expected =
        Entry { json: "\"é\"".into(), expires_at: Some(clock.now() + Duration::from_millis(5)), version: 7 };
    assert_eq!(table.0.table.lock().unwrap().0["lily_session_token"], expected);
    assert!(table.0.syncs.load(Ordering::Relaxed) > 0);

    let mut again = Runtime::without_update(Shop::default());
    let second = again.attach(shop_fields(), &storage).unwrap();
    assert_eq!(again.model().theme, "dark");
    assert_eq!(again.field_state(&second, "token").unwrap().stored, Stored::Newer);

    let mut keys = Vec::new();
    storage.each("lily_", |item| keys.push(item.key.to_owned())).unwrap();
    assert_eq!(keys, ["lily_session_theme", "lily_session_token"]);
    assert_eq!(storage.info().unwrap().entries, 2);
    clock.advance(5);
    assert_eq!(stored(&storage, "token"), None);

    // Somebody else clears: what was tried before the clear does not reappear.
    *table.0.table.lock().unwrap() = (BTreeMap::new(), HashMap::from([("lily_session_".into(), 1)]));
    runtime.refresh(&session).unwrap();
    assert_eq!(runtime.model(), &Shop::default());
    storage.clear().unwrap();
    assert_eq!(table.0.table.lock().unwrap().1["lily_session_"], 2);
    storage.scoped("s").unwrap().set("k", "1").unwrap();
    assert_eq!(table.0.table.lock().unwrap().0.keys().next().unwrap().chars().next(), Some('\u{1}'));
    storage.remove("none").unwrap();

    assert_eq!(table.0.drops.load(Ordering::Relaxed), 0);
    drop(storage);
    assert_eq!((table.0.closes.load(Ordering::Relaxed), table.0.drops.load(Ordering::Relaxed)), (0, 0));
    drop((runtime, again));
    assert_eq!((table.0.closes.load(Ordering::Relaxed), table.0.drops.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn a_backends_errors_come_out() {
    let table = Table::default();
    let storage = Storage::backend(Owned(table.clone())).unwrap();
    for status in [Status::Quota, Status::Io, Status::NoSpace, Status::Busy, Status::Permission] {
        *table.0.fails.lock().unwrap() = Some(status);
        let error = fails(storage.set("k", "1"), status);
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), if status == Status::Io { "the wire is cut" } else { "as told" });
        fails(storage.get("k"), status);
        fails(storage.each("", |_| ()), status);
        fails(storage.clear(), status);
    }
    // The backend returns a number that the library does not know.
    *table.0.fails.lock().unwrap() = Some(Status::Other(-999));
    fails(storage.get("k"), Status::Io);
    // It returns an error with the number that means success.
    *table.0.fails.lock().unwrap() = Some(Status::Other(0));
    let error = fails(storage.set("k", "1"), Status::Io);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "as told");
    fails(storage.get("k"), Status::Io);
    *table.0.fails.lock().unwrap() = None;
    storage.set("k", "1").unwrap();
    storage.set("l", "1").unwrap();
    // The visitor ends a walk.
    let error = fails(storage.each("", |_| Err::<(), _>("enough")), Status::Callback);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "enough");
}

#[test]
fn an_entry_of_a_backend_that_expires_before_1971_has_expired() {
    let table = Table::default();
    let storage = Storage::backend(Owned(table.clone())).unwrap();
    for before in [Duration::ZERO, Duration::from_secs(1)] {
        let expires_at = Some(SystemTime::UNIX_EPOCH - before);
        table
            .0
            .table
            .lock()
            .unwrap()
            .0
            .insert("k".into(), Entry { json: "1".into(), expires_at, version: 0 });
        assert_eq!(storage.get("k").unwrap(), None);
    }
}

#[test]
fn a_backend_may_have_a_descriptor() {
    let (socket, _other) = UnixStream::pair().unwrap();
    let table = Table(Arc::new(Inner { socket: Some(socket), ..Inner::default() }));
    let storage = Storage::backend(Owned(table)).unwrap();
    assert!(storage.watch().is_some());
    assert!(Storage::backend(Owned(Table::default())).unwrap().watch().is_none());
}

#[test]
fn a_backend_that_cannot_be_opened_is_dropped() {
    let table = Table::default();
    fails(Storage::options().read_only(true).backend(Owned(table.clone())), Status::InvalidArgument);
    assert_eq!(table.0.drops.load(Ordering::Relaxed), 1);
}

/// Two threads read at once, and each gets its own entry.
#[test]
fn threads_share_a_backend() {
    let storage = Storage::backend(Owned(Table::default())).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let storage = storage.clone();
            std::thread::spawn(move || {
                let (key, json) = (thread.to_string(), format!("\"{}\"", thread.to_string().repeat(100)));
                storage.set(&key, &json).unwrap();
                for _ in 0..500 {
                    assert_eq!(storage.get(&key).unwrap().unwrap(), json);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
