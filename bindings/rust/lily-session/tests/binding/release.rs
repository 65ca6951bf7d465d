//! Closures, models and messages are dropped once, at the right time.

use crate::support::*;
use lily_session::{Config, Field, Persistence, Runtime, Status, Storage};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Arc;

/// Counts the tokens that are alive.
#[derive(Default, Clone)]
struct Counter(Arc<AtomicI32>);

struct Token(Counter);

impl Counter {
    fn token(&self) -> Token {
        self.0.fetch_add(1, Ordering::Relaxed);
        Token(self.clone())
    }

    /// Returns the count. It would be below zero if a token were dropped twice.
    fn alive(&self) -> i32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0 .0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Token {
    fn hold(&self) {}
}

/// A field whose three closures each have a token.
fn field(counter: &Counter, key: &str) -> Field<Shop, impl lily_session::Access<Shop>> {
    let (get, set, migrate) = (counter.token(), counter.token(), counter.token());
    Field::new(
        key,
        move |shop: &Shop| {
            get.hold();
            &shop.visits
        },
        move |shop, visits| {
            set.hold();
            shop.visits = visits;
        },
    )
    .migrate(move |_, json: &str| {
        migrate.hold();
        json.parse()
    })
}

fn config(counter: &Counter, storage: &Storage) -> Config<Shop> {
    let (slice, revision, event) = (counter.token(), counter.token(), counter.token());
    Config::slice(storage, move |shop: &mut Shop| {
        slice.hold();
        shop
    })
    .revision(move |shop| {
        revision.hold();
        shop.visits as u64
    })
    .on_event(move |_| event.hold())
}

#[test]
fn fields_that_were_never_attached() {
    let counter = Counter::default();
    let fields = Persistence::new().with(field(&counter, "one")).with(field(&counter, "two"));
    assert_eq!(counter.alive(), 6);
    drop(fields);
    assert_eq!(counter.alive(), 0);
    drop(field(&counter, "three"));
    assert_eq!(counter.alive(), 0);
}

#[test]
fn fields_that_cannot_be_added() {
    let counter = Counter::default();
    let fields = Persistence::new().with(field(&counter, "one"));
    let fields = fields
        .with(field(&counter, "one"))
        .with(field(&counter, "two"))
        .with(field(&counter, "a\0"));
    assert_eq!(counter.alive(), 12);
    let storage = Storage::in_memory().unwrap();
    fails(Runtime::without_update(Shop::default()).attach(fields, config(&counter, &storage)), Status::DuplicateKey);
    assert_eq!(counter.alive(), 0);
}

#[test]
fn sessions() {
    let counter = Counter::default();
    let storage = Storage::in_memory().unwrap();
    let mut runtime = Runtime::without_update(Shop::default());
    for ends in ["detach", "abandon"] {
        let fields = Persistence::new().with(field(&counter, "visits"));
        let session = runtime.attach(fields, config(&counter, &storage)).unwrap();
        assert_eq!(counter.alive(), 6);
        runtime.model_mut().visits += 1;
        runtime.persist(&session).unwrap();
        // This attach fails, because its key is taken.
        let fields = Persistence::new().with(field(&counter, "visits"));
        fails(runtime.attach(fields, config(&counter, &storage)), Status::DuplicateKey);
        assert_eq!(counter.alive(), 6);
        if ends == "detach" { runtime.detach(session) } else { runtime.abandon(session) }.unwrap();
        assert_eq!(counter.alive(), 0, "{ends}");
    }
    let fields = Persistence::new().with(field(&counter, "visits"));
    runtime.attach(fields, config(&counter, &storage)).unwrap();
    assert_eq!(counter.alive(), 6);
    drop(runtime);
    assert_eq!(counter.alive(), 0);
}

#[test]
fn models_messages_and_the_update_closure() {
    let counter = Counter::default();
    let update = counter.token();
    let mut runtime = Runtime::new(counter.token(), move |_: &mut Token, message: Option<Token>| {
        update.hold();
        message.map(drop).ok_or("none")
    });
    assert_eq!(counter.alive(), 2);
    runtime.dispatch(Some(counter.token())).unwrap();
    fails(runtime.dispatch(None), Status::Update);
    assert_eq!(counter.alive(), 2);
    drop(runtime);
    assert_eq!(counter.alive(), 0);
    drop(Runtime::without_update(counter.token()));
    assert_eq!(counter.alive(), 0);
}

/// The clock lives as long as all handles, scopes and sessions that call it.
#[test]
fn clocks() {
    let counter = Counter::default();
    let open = || {
        let token = counter.token();
        let clock = move || {
            token.hold();
            std::time::SystemTime::now()
        };
        Storage::options().clock(clock)
    };
    drop(open());
    fails(open().application("x").in_memory(), Status::InvalidArgument);
    assert_eq!(counter.alive(), 0);
    let storage = open().in_memory().unwrap();
    let scope = storage.scoped("s").unwrap();
    let clone = scope.clone();
    let mut runtime = Runtime::new(Shop::default(), |shop: &mut Shop, ()| shop.visits += 1);
    let session = runtime.attach(shop_fields(), &scope).unwrap();
    drop((storage, scope, clone));
    assert_eq!(counter.alive(), 1);
    runtime.dispatch(()).unwrap();
    runtime.detach(session).unwrap();
    assert_eq!(counter.alive(), 0);
}
