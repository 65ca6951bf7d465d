//! Tests of the feature `derive`.

use crate::support::*;
use lily_session::{Persist, Runtime, Storage};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

fn percent(_: u32, json: &str) -> Result<i64, std::num::ParseFloatError> {
    json.parse::<f64>().map(|fraction| (fraction * 100.0) as i64)
}

mod inner {
    /// A struct whose members have every kind of visibility, attribute and type.
    #[derive(lily_session::Persist, Default)]
    pub(crate) struct App {
        /// A comment is an attribute, too.
        #[allow(dead_code)]
        pub theme: String,
        #[persist(key = "auth", expires = super::Duration::from_secs(60), former = ["login", "token"])]
        pub(super) token: Option<String>,
        #[persist(version = 1, migrate = super::percent, former = "loudness")]
        pub(crate) volume: i64,
        pub pairs: super::HashMap<String, Vec<(i32, i32)>>,
        #[persist(map = concat!("cart", "/"), expires = super::Duration::from_secs(60))]
        pub cart: super::BTreeMap<String, i64>,
        #[persist(skip)]
        pub callback: Option<fn(i32, i32) -> i32>,
        pub r#type: bool,
    }
}
use inner::App;

#[test]
fn fields_of_a_struct() {
    let (clock, storage) = Clock::new();
    storage.set("lily_session_token", "\"old\"").unwrap();
    storage.set("lily_session_loudness", "0.5").unwrap();
    let mut runtime = Runtime::without_update(App::default());
    let session = runtime.attach(App::fields(), &storage).unwrap();
    assert_eq!((runtime.model().token.as_deref(), runtime.model().volume), (Some("old"), 50));
    let app = runtime.model_mut();
    app.theme = "dark".into();
    app.pairs.insert("a".into(), vec![(1, 2)]);
    app.cart.insert("pear".into(), 3);
    app.callback = Some(|a, b| a + b);
    app.r#type = true;
    runtime.flush(&session).unwrap();
    for (key, json) in [
        ("theme", Some("\"dark\"")),
        ("auth", Some("\"old\"")),
        ("volume", Some("50")),
        ("pairs", Some(r#"{"a":[[1,2]]}"#)),
        ("cart/pear", Some("3")),
        ("type", Some("true")),
        ("callback", None),
        ("token", None),
        ("loudness", None),
    ] {
        assert_eq!(stored(&storage, key).as_deref(), json, "{key}");
    }
    clock.advance(60_000);
    assert_eq!((stored(&storage, "auth"), stored(&storage, "cart/pear")), (None, None));
}

#[derive(Persist)]
struct Empty {}

#[test]
fn fields_of_a_struct_without_members() {
    let storage = Storage::in_memory().unwrap();
    Runtime::without_update(Empty {}).attach(Empty::fields(), &storage).unwrap();
}
