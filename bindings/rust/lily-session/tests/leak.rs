//! Ten thousand sessions leave no memory behind. This is a separate program, because other tests would allocate at the same time.

use lily_session::{Config, Field, Persistence, Runtime, Storage};

/// The struct of glibc, of which the bytes in use are compared.
#[repr(C)]
struct Mallinfo2 {
    before: [usize; 7],
    in_use: usize,
    after: [usize; 2],
}

extern "C" {
    fn mallinfo2() -> Mallinfo2;
}

fn bytes_in_use() -> usize {
    // SAFETY: no arguments.
    unsafe { mallinfo2() }.in_use
}

struct App {
    theme: String,
    visits: i64,
}

fn attach_and_detach(storage: &Storage, times: i64) {
    let mut runtime = Runtime::new(App { theme: "light".into(), visits: 0 }, |app: &mut App, visits: i64| {
        app.visits = visits;
        app.theme = visits.to_string();
    });
    for number in 0..times {
        let owned = Box::new(number);
        let visits = Field::new("visits", |app: &App| &app.visits, |app, visits| app.visits = visits)
            .former_keys(["seen"])
            .migrate(move |_, json: &str| json.parse().map(|seen: i64| seen + *owned));
        let fields =
            Persistence::new()
                .with(visits)
                .field("theme", |app: &App| &app.theme, |app, theme| app.theme = theme);
        let scope = storage.scoped("user").unwrap();
        let config = Config::slice(&scope, |app: &mut App| app)
            .revision(|app| app.visits as u64)
            .on_event(|_| ());
        let session = runtime.attach(fields, config).unwrap();
        runtime.dispatch(number % 10).unwrap();
        assert!(runtime.field_state(&session, "none").is_err());
        runtime.detach(session).unwrap();
    }
}

#[test]
fn ten_thousand_sessions() {
    let storage = Storage::in_memory().unwrap();
    attach_and_detach(&storage, 1_000);
    let before = bytes_in_use();
    attach_and_detach(&storage, 10_000);
    let after = bytes_in_use();
    // A byte for each session would be 10,000. The storage itself may keep less than that.
    assert!(after < before + 5_000, "{before} bytes in use before, {after} after");
}
