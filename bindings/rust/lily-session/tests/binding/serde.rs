//! Tests of the feature `serde`.

use crate::support::*;
use lily_session::{Config, EventKind, Field, Json, Persistence, Runtime, Status, Storage, Stored};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
enum Theme {
    #[default]
    Light,
    Dark,
    Custom {
        hue: u16,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
struct Item {
    name: String,
    #[serde(default = "one")]
    count: u64,
    raw: Option<Json>,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Clone, PartialEq, Default)]
struct App {
    theme: Theme,
    cart: Vec<Item>,
    seen: BTreeMap<String, f32>,
    big: u64,
    name: String,
    maybe: Option<i64>,
}

fn fields() -> Persistence<App> {
    Persistence::new()
        .field("theme", |app: &App| &app.theme, |app, theme| app.theme = theme)
        .field("cart", |app| &app.cart, |app, cart| app.cart = cart)
        .field("seen", |app| &app.seen, |app, seen| app.seen = seen)
        .field("big", |app| &app.big, |app, big| app.big = big)
        .field("name", |app| &app.name, |app, name| app.name = name)
        .field("maybe", |app| &app.maybe, |app, maybe| app.maybe = maybe)
}

#[test]
fn any_type_comes_back() {
    let storage = Storage::in_memory().unwrap();
    let mut runtime = Runtime::without_update(App::default());
    let session = runtime.attach(fields(), &storage).unwrap();
    let app = App {
        theme: Theme::Custom { hue: 120 },
        cart: vec![Item { name: "crème".into(), count: 2, raw: Some(Json("[1e2]".into())) }],
        seen: BTreeMap::from([("x".into(), 0.5)]),
        big: u64::MAX,
        name: "n".into(),
        maybe: Some(3),
    };
    *runtime.model_mut() = app.clone();
    runtime.persist(&session).unwrap();
    for (key, json) in [
        ("theme", r#"{"Custom":{"hue":120}}"#),
        ("cart", r#"[{"name":"crème","count":2,"raw":[1e2]}]"#),
        ("seen", r#"{"x":0.5}"#),
        ("big", "18446744073709551615"),
        ("name", "\"n\""),
        ("maybe", "3"),
    ] {
        assert_eq!(stored(&storage, key).as_deref(), Some(json));
    }
    let mut again = Runtime::without_update(App::default());
    again.attach(fields(), &storage).unwrap();
    assert_eq!(again.model(), &app);
    runtime.model_mut().theme = Theme::Dark;
    runtime.persist(&session).unwrap();
    assert_eq!(stored(&storage, "theme").as_deref(), Some("\"Dark\""));
}

#[test]
fn defaults_are_the_models_and_serdes() {
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_cart", r#"[{"name":"apple"}]"#).unwrap();
    let mut runtime = Runtime::without_update(App { theme: Theme::Dark, ..App::default() });
    runtime.attach(fields(), &storage).unwrap();
    assert_eq!(runtime.model().cart, [Item { name: "apple".into(), count: 1, raw: None }]);
    assert_eq!(runtime.model().theme, Theme::Dark);
}

#[test]
fn what_serde_refuses_is_rejected_and_stays() {
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_theme", "\"Neon\"").unwrap();
    storage.set("lily_session_maybe", "1.5").unwrap();
    let told = Told::default();
    let tell = told.clone();
    let config = Config::new(&storage).on_event(move |event| {
        tell.lock()
            .unwrap()
            .push((event.kind, event.key.map(str::to_owned), event.status))
    });
    let mut runtime = Runtime::without_update(App::default());
    let session = runtime.attach(fields(), config).unwrap();
    assert_eq!(runtime.model(), &App::default());
    let rejected = |key: &str| (EventKind::Rejected, Some(key.to_string()), Some(Status::Decode));
    assert_eq!(*told.lock().unwrap(), [rejected("theme"), rejected("maybe")]);
    assert_eq!(runtime.field_state(&session, "theme").unwrap().stored, Stored::Rejected);
    runtime.flush(&session).unwrap();
    assert_eq!(stored(&storage, "theme").as_deref(), Some("\"Neon\""));
}

#[test]
fn what_serde_cannot_write_fails_its_field_alone() {
    let storage = Storage::in_memory().unwrap();
    type Model = (BTreeMap<(u8, u8), u8>, i64);
    let fields = Persistence::new()
        .field("map", |model: &Model| &model.0, |model, map| model.0 = map)
        .field("n", |model: &Model| &model.1, |model, n| model.1 = n);
    let mut runtime = Runtime::without_update(Model::default());
    let session = runtime.attach(fields, &storage).unwrap();
    *runtime.model_mut() = (BTreeMap::from([((1, 2), 3)]), 4);
    let error = fails(runtime.persist(&session), Status::Encode);
    assert!(std::error::Error::source(&error).unwrap().is::<serde_json::Error>());
    assert_eq!((stored(&storage, "map"), stored(&storage, "n").as_deref()), (None, Some("4")));
}

#[test]
fn migrations_of_any_type() {
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_basket", r#"["apple","pear"]"#).unwrap();
    let cart = Field::new("cart", |app: &App| &app.cart, |app, cart| app.cart = cart)
        .version(1)
        .former_keys(["basket"])
        .migrate(|_, json| {
            let names: Vec<String> = serde_json::from_str(json)?;
            Ok::<_, serde_json::Error>(names.into_iter().map(|name| Item { name, count: 1, raw: None }).collect())
        });
    let mut runtime = Runtime::without_update(App::default());
    let session = runtime.attach(Persistence::new().with(cart), &storage).unwrap();
    assert_eq!(runtime.model().cart[1].name, "pear");
    runtime.detach(session).unwrap();
    assert_eq!(
        stored(&storage, "cart").as_deref(),
        Some(r#"[{"name":"apple","count":1,"raw":null},{"name":"pear","count":1,"raw":null}]"#)
    );
    assert_eq!(stored(&storage, "basket"), None);
}
