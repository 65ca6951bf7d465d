//! Runs Tests/cases, which all languages run. Their README explains them.

use crate::support::{fails, Folder};
use lily_session::{Field, Persistence, Runtime, Status, Storage, Stored, Types, Value};
use serde_json::Value as Case;

fn load(file: &str, least: usize) -> Vec<Case> {
    let path = format!("{}/../../../Tests/cases/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(cases.len() >= least);
    cases
}

fn name(case: &Case) -> &str {
    case["name"].as_str().unwrap()
}

/// Returns the bytes of a text, which may not be UTF-8.
fn bytes(text: &Case) -> Vec<u8> {
    match text {
        Case::String(text) => text.clone().into_bytes(),
        Case::Array(texts) => texts.iter().flat_map(bytes).collect(),
        _ => match text.get("hex") {
            Some(hex) => hexadecimal(hex.as_str().unwrap()),
            None => bytes(&text["repeat"]).repeat(text["times"].as_u64().unwrap() as usize),
        },
    }
}

fn hexadecimal(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn types(case: &Case) -> Types {
    let one = |name: &Case| match name.as_str().unwrap() {
        "NULL" => Types::NULL,
        "BOOL" => Types::BOOL,
        "INT" => Types::INT,
        "REAL" => Types::REAL,
        "STRING" => Types::STRING,
        "JSON" => Types::JSON,
        other => panic!("no such type: {other}"),
    };
    case["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(one)
        .reduce(|one, other| one | other)
        .unwrap()
}

/// A value as an owned type. Reals are compared by their bits.
#[derive(Debug, Clone, PartialEq)]
enum Held {
    Null,
    Bool(bool),
    Int(i64),
    Real(u64),
    String(String),
    Json(String),
}

impl Held {
    /// Returns `None` for a text that is not UTF-8, which a Rust string cannot hold.
    fn of_case(value: &Case) -> Option<Held> {
        Some(match value["type"].as_str().unwrap() {
            "NULL" => Held::Null,
            "BOOL" => Held::Bool(value["value"].as_bool().unwrap()),
            "INT" => Held::Int(value["value"].as_i64().unwrap()),
            "REAL" => Held::Real(u64::from_str_radix(value["bits"].as_str().unwrap(), 16).unwrap()),
            "STRING" => Held::String(String::from_utf8(bytes(&value["value"])).ok()?),
            "JSON" => Held::Json(String::from_utf8(bytes(&value["text"])).ok()?),
            other => panic!("no such type: {other}"),
        })
    }

    fn of(value: Value<'_>) -> Held {
        match value {
            Value::Null => Held::Null,
            Value::Bool(value) => Held::Bool(value),
            Value::Int(value) => Held::Int(value),
            Value::Real(value) => Held::Real(value.to_bits()),
            Value::String(value) => Held::String(value.into()),
            Value::Json(value) => Held::Json(value.into()),
            other => panic!("a value of a new kind: {other:?}"),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Held::Null => Value::Null,
            Held::Bool(value) => Value::Bool(*value),
            Held::Int(value) => Value::Int(*value),
            Held::Real(bits) => Value::Real(f64::from_bits(*bits)),
            Held::String(value) => Value::String(value),
            Held::Json(value) => Value::Json(value),
        }
    }
}

struct Holder {
    value: Held,
    sets: u32,
}

fn field(types: Types) -> Persistence<Holder> {
    let set = |holder: &mut Holder, value: Value<'_>| {
        holder.value = Held::of(value);
        holder.sets += 1;
        Ok(())
    };
    Persistence::new().with(Field::dynamic("field", types, |holder: &Holder| Ok(holder.value.value()), set))
}

/// Sets a field that has `first` to the value of the case, and persists. Returns `None` if Rust cannot express the value.
fn store(storage: &Storage, case: &Case, types: Types, first: Held) -> Option<lily_session::Result<()>> {
    let value = Held::of_case(&case["set"])?;
    let mut runtime = Runtime::without_update(Holder { value: first, sets: 0 });
    let session = runtime.attach(field(types), storage).unwrap();
    runtime.model_mut().value = value;
    let result = runtime.persist(&session);
    runtime.abandon(session).unwrap();
    Some(result)
}

#[test]
fn values() {
    for case in load("values.json", 120) {
        let storage = Storage::in_memory().unwrap();
        // No case has the first value, so the value of the case is always a change.
        let result = store(&storage, &case, types(&case) | Types::INT, Held::Int(31337)).expect("UTF-8");
        assert!(result.is_ok(), "{}: {result:?}", name(&case));
        let stored = storage
            .get("lily_session_field")
            .unwrap()
            .unwrap_or_else(|| panic!("{}: not there", name(&case)));
        assert_eq!(stored.as_bytes(), bytes(&case["stored"]), "{}", name(&case));
    }
}

#[test]
fn unstorable() {
    let mut unsayable = 0;
    let cases = load("unstorable.json", 40);
    for case in &cases {
        let storage = Storage::in_memory().unwrap();
        let first = match case["types"][0].as_str().unwrap() {
            "REAL" => Held::Real(0),
            "STRING" => Held::String("at first".into()),
            "JSON" => Held::Json("[\"at first\"]".into()),
            "INT" => Held::Int(31337),
            "BOOL" => Held::Bool(false),
            _ => Held::Null,
        };
        match store(&storage, case, types(case), first) {
            Some(result) => assert_eq!(result.unwrap_err().status(), Status::Encode, "{}", name(case)),
            None => unsayable += 1,
        }
        assert_eq!(storage.info().unwrap().entries, 0, "{}", name(case));
    }
    assert!(unsayable > 0 && unsayable < cases.len() - 10);
}

#[test]
fn hydrate() {
    for case in load("hydrate.json", 120) {
        let storage = Storage::in_memory().unwrap();
        storage.set("lily_session_field", bytes(&case["stored"])).unwrap();
        let mut runtime = Runtime::without_update(Holder { value: Held::Null, sets: 0 });
        let session = runtime.attach(field(types(&case)), &storage).unwrap();
        let state = runtime.field_state(&session, "field").unwrap();
        if case["value"] == "rejected" {
            assert_eq!((runtime.model().sets, state.stored), (0, Stored::Rejected), "{}", name(&case));
        } else {
            assert_eq!((runtime.model().sets, state.stored), (1, Stored::Loaded), "{}", name(&case));
            assert_eq!(Some(&runtime.model().value), Held::of_case(&case["value"]).as_ref(), "{}", name(&case));
        }
        assert!(!state.dirty);
    }
}

#[test]
fn texts() {
    let folder = Folder::new();
    let cases = load("texts.json", 50);
    let check = |storage: &Storage| {
        for case in &cases {
            let found = storage.get(name(case)).unwrap().expect("stored");
            assert_eq!(found.as_bytes(), bytes(&case["stored"]), "{}", name(case));
        }
    };
    let storage = Storage::open(folder.file("journal")).unwrap();
    for case in &cases {
        storage.set(name(case), bytes(&case["json"])).unwrap();
    }
    check(&storage);
    drop(storage);
    check(&Storage::options().strict(true).open(folder.file("journal")).unwrap());
}

#[test]
fn refused() {
    let storage = Storage::in_memory().unwrap();
    storage.set("key", "1").unwrap();
    for case in load("refused.json", 100) {
        let result = storage.set("key", bytes(&case["json"]));
        assert_eq!(result.unwrap_err().status(), Status::Decode, "{}", name(&case));
    }
    assert_eq!(storage.get("key").unwrap().as_deref(), Some("1"));
}

#[test]
fn keys() {
    let storage = Storage::in_memory().unwrap();
    let mut accepted = 0;
    let mut sayable = 0;
    for case in load("keys.json", 45) {
        let key = match String::from_utf8(bytes(&case["key"])) {
            Ok(key) => key,
            Err(_) => {
                assert_eq!((&case["storage"], &case["field"]), (&false.into(), &false.into()));
                continue;
            }
        };
        sayable += 1;
        let stored = storage.set(&key, "1");
        assert_eq!(stored.is_ok(), case["storage"] == true, "{}: {stored:?}", name(&case));
        accepted += u64::from(stored.is_ok());
        if let Err(error) = stored {
            assert_eq!(error.status(), Status::InvalidArgument);
        }

        let unit = Field::dynamic(key, Types::NULL, |_: &()| Ok(Value::Null), |_, _| Ok(()));
        let attached =
            Runtime::without_update(()).attach(Persistence::new().with(unit), &Storage::in_memory().unwrap());
        assert_eq!(attached.is_ok(), case["field"] == true, "{}: {attached:?}", name(&case));
        if let Err(error) = attached {
            assert_eq!(error.status(), Status::InvalidArgument);
        }
    }
    assert_eq!(storage.info().unwrap().entries, accepted);
    assert!(sayable > 30);
    // A C string ends at a NUL, and a Rust string does not.
    fails(storage.set("one\0two", "1"), Status::InvalidArgument);
}
