//! With serde, what can be stored can be read again, and what is refused is told without its value.

use crate::support::*;
use lily_session::{Config, EventKind, Persistence, Runtime, Status, Storage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

/// Tries to store a value, and to read it again.
fn round_trip<T>(value: T) -> Result<String, lily_session::Error>
where
    T: Serialize + for<'de> Deserialize<'de> + Clone + PartialEq + Debug + Default + Send + 'static,
{
    let storage = Storage::in_memory().unwrap();
    let fields = Persistence::new().field("value", |value: &T| value, |value, new| *value = new);
    let mut runtime = Runtime::without_update(T::default());
    let session = runtime.attach(&fields, &storage).unwrap();
    *runtime.model_mut() = value.clone();
    runtime.persist(&session)?;
    let mut again = Runtime::without_update(T::default());
    again.attach(&fields, &storage).unwrap();
    assert_eq!(again.model(), &value);
    Ok(stored(&storage, "value").unwrap_or_default())
}

#[test]
fn numbers_that_are_not_finite_are_refused_wherever_they_are() {
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    enum Shape {
        #[default]
        None,
        Circle(f32),
        Box {
            sides: (f64, f64),
        },
        Line(f32, f32),
    }
    let infinite = f32::INFINITY;
    for number in [infinite, -infinite, f32::NAN] {
        fails(round_trip(number), Status::Encode);
        fails(round_trip(Some(number)), Status::Encode);
        fails(round_trip(vec![None, Some(number)]), Status::Encode);
        fails(round_trip(HashMap::from([("k".to_string(), f64::from(number))])), Status::Encode);
        fails(round_trip(Shape::Circle(number)), Status::Encode);
        fails(round_trip(Shape::Line(0.5, number)), Status::Encode);
        fails(round_trip(Shape::Box { sides: (1.0, number.into()) }), Status::Encode);
    }
    assert_eq!(round_trip(vec![None, Some(0.5_f32)]).unwrap(), "[null,0.5]");
    assert_eq!(round_trip(Shape::Circle(0.1)).unwrap(), r#"{"Circle":0.1}"#);
}

#[test]
fn an_f32_has_the_fewest_digits() {
    for number in [0.1_f32, 16_777_216.0, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), 1.0e-8, 3.402_823e38, -0.3] {
        let text = round_trip(number).unwrap();
        assert_eq!(text.parse::<f32>().unwrap(), number);
        assert!(text.len() <= 16 || number.fract() == 0.0, "{text}");
    }
    assert_eq!(round_trip(0.1_f32).unwrap(), "0.1");
    let storage = Storage::in_memory().unwrap();
    storage.set("lily_session_value", "1e39").unwrap(); // beyond f32
    let mut runtime = Runtime::without_update(0.5_f32);
    let fields = Persistence::new().field("value", |value: &f32| value, |value, new| *value = new);
    runtime.attach(fields, &storage).unwrap();
    assert_eq!(*runtime.model(), 0.5);
}

#[test]
fn deep_values_are_stored_if_they_can_be_read() {
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    struct Tree(Vec<Tree>);
    let tree = |levels: usize| (1..levels).fold(Tree(vec![]), |inner, _| Tree(vec![inner]));
    round_trip(tree(127)).unwrap();
    let error = fails(round_trip(tree(128)), Status::Encode);
    assert!(std::error::Error::source(&error)
        .unwrap()
        .to_string()
        .contains("nested too deeply"));
    round_trip(vec![format!("{}\\\"", "[".repeat(300))]).unwrap(); // brackets in a string are no levels
                                                                   // serde_json does not descend into raw text.
    let raw = lily_session::Json(format!("{}{}", "[".repeat(200), "]".repeat(200)));
    round_trip(Some(vec![raw])).unwrap();
}

#[test]
fn a_refusal_says_what_is_wrong_and_where_and_no_value() {
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    struct Item {
        name: String,
        count: u8,
    }
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    struct Cart {
        items: Vec<Item>,
        notes: BTreeMap<String, u8>,
    }
    type App = (Cart, u8, i64);
    let fields = Persistence::new()
        .field("cart", |app: &App| &app.0, |app, cart| app.0 = cart)
        .field("small", |app| &app.1, |app, small| app.1 = small)
        .field("any", |app| &app.2, |_, _| Err("the program's word"));
    type Told = Vec<(Option<String>, String)>;
    let told: Arc<Mutex<Told>> = Arc::default();
    let refused = |key: &str, json: &str| {
        let storage = Storage::in_memory().unwrap();
        storage.set(&format!("lily_session_{key}"), json).unwrap();
        let tell = told.clone();
        let config = Config::new(&storage).on_event(move |event| {
            assert_eq!(event.kind, EventKind::Rejected);
            tell.lock().unwrap().push((event.reason.map(Into::into), event.to_string()));
        });
        Runtime::without_update(App::default()).attach(&fields, config).unwrap();
        let (reason, sentence) = told.lock().unwrap().pop().unwrap();
        assert!(sentence.starts_with(&format!("{key}: the stored value was refused")), "{sentence}");
        assert!(!sentence.contains("secret") && !sentence.contains("word"), "{sentence}");
        reason.unwrap()
    };
    // The bar is where serde_json stopped.
    for (json, reason) in [
        (
            r#"{"items":[{"name":"a","count":1},{"name":"b","count":"secret, expected no"|}],"notes":{}}"#,
            "invalid type: string, expected u8, at items[1].count",
        ),
        (
            r#"{"items":[{"name":"a","count":300|}],"notes":{}}"#,
            "invalid value: integer, expected u8, at items[0].count",
        ),
        (r#"{"items":[{"name":"a"}|],"notes":{}}"#, "missing field `count`, at items[0]"),
        (
            r#"{"items":[{"name":|["secret"],"count":1}],"notes":{}}"#,
            "invalid type: sequence, expected a string, at items[0].name",
        ),
        (r#"{"items":[],"notes":{"a secret":true|}}"#, "invalid type: boolean, expected u8, at notes.?"),
        (r#""secret"|"#, "invalid type: string, expected struct Cart, at the value"),
    ] {
        let at = json.find('|').unwrap();
        assert_eq!(refused("cart", &json.replace('|', "")), format!("{reason} (byte {at})"));
    }
    assert_eq!(refused("small", "\"secret\""), "invalid type, expected an integer");
    assert_eq!(refused("small", "300"), "the number does not fit u8");
    assert_eq!(refused("any", "1"), "the program's word");
}

/// A type that reads itself may say in serde's own words what it likes.
#[test]
fn a_refusal_tells_only_kinds_and_names_that_are_known() {
    struct Imitating;
    impl Serialize for Imitating {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
    }
    impl<'de> Deserialize<'de> for Imitating {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom(String::deserialize(deserializer)?))
        }
    }
    let storage = Storage::in_memory().unwrap();
    let fields = Persistence::new().field("v", |v: &Option<Imitating>| v, |v, new| *v = new);
    for (said, reason) in [
        ("missing field `secret`", "missing field"),
        ("duplicate field `secret`", "duplicate field"),
        ("invalid type: secret, expected u8", "invalid type, expected u8"),
        ("invalid value: string secret", "invalid value"),
        ("unknown variant `secret`, expected `a`", "unknown variant, expected `a`"),
        ("recursion limit exceeded: secret", "the type refuses it"),
        ("secret", "the type refuses it"),
    ] {
        storage.set("lily_session_v", format!("{said:?}")).unwrap();
        let mut runtime = Runtime::without_update(None);
        let session = runtime.attach(&fields, Config::new(&storage).keep_events()).unwrap();
        let told = runtime.take_events(&session).pop().unwrap().reason.unwrap();
        assert!(told.starts_with(reason) && !told.contains("secret"), "{told}");
    }
}

#[test]
fn a_refusal_tells_no_name_that_is_data() {
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    struct Item {
        #[serde(default)]
        users: BTreeMap<String, u8>,
        #[serde(default)]
        inside: Option<Box<Item>>,
        #[serde(default)]
        shape: Shape,
        #[serde(flatten)]
        others: HashMap<String, u8>,
    }
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    enum Shape {
        #[default]
        None,
        Named {
            side: u8,
        },
        By(BTreeMap<String, u8>),
    }
    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    struct Plain {
        users: BTreeMap<String, u8>,
        shapes: Vec<Shape>,
        unread: Option<u8>,
    }
    let storage = Storage::in_memory().unwrap();
    let plain = |json: &str| {
        storage.set("plain", json).unwrap();
        fails(storage.get_as::<Plain>("plain"), Status::Decode).message().to_owned()
    };
    for (json, place) in [
        (r#"{"users":{"sk_live_4eC39":"x"}}"#, "users.? "),
        (r#"{"shapes":[{"Named":{"side":"x"}}]}"#, "shapes[0].Named.side "),
        (r#"{"shapes":[{"By":{"sk_live_4eC39":"x"}}]}"#, "shapes[0].By.? "),
        (r#"{"shapes":[{"sk_live_4eC39":"x"}]}"#, "shapes[0].? "),
    ] {
        let message = plain(json);
        assert!(message.contains(&format!(", at {place}")), "{message}");
        assert!(!message.contains("sk_live"), "{message}");
    }
    storage
        .set("item", r#"{"inside":{"inside":{"users":{"sk_live_4eC39":"x"}}}}"#)
        .unwrap();
    let error = fails(storage.get_as::<Item>("item"), Status::Decode);
    assert!(!error.message().contains("sk_live"), "{error}");
    storage.set("map", r#"{"sk_live_4eC39":"x"}"#).unwrap();
    let error = fails(storage.get_as::<BTreeMap<String, u8>>("map"), Status::Decode);
    assert!(error.message().contains(", at ? (byte"), "{error}");
}

#[test]
fn a_storage_has_values() {
    let storage = Storage::in_memory().unwrap();
    assert_eq!(storage.get_as::<Vec<i32>>("list").unwrap(), None);
    storage.set_as("list", &vec![1, 2]).unwrap();
    assert_eq!(storage.get("list").unwrap().as_deref(), Some("[1,2]"));
    assert_eq!(storage.get_as("list").unwrap(), Some(vec![1, 2]));
    let error = fails(storage.get_as::<Vec<String>>("list"), Status::Decode);
    assert_eq!(error.message(), "list: invalid type: integer, expected a string, at [0] (byte 2)");
    let error = fails(storage.set_as("list", &vec![f64::NAN]), Status::Encode);
    assert!(error.message().starts_with("list: "), "{error}");
    storage.set_as_until("list", &vec![3], std::time::UNIX_EPOCH).unwrap();
    assert_eq!(storage.get_as::<Vec<i32>>("list").unwrap(), None);
}
