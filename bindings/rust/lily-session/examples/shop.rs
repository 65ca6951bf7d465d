//! A shop whose session survives the end of the program, even kill -9. It is examples/c/shop.c in Rust. Both use the same file,
//! and see each other's data.
//!
//!   shop show | where | login NAME | theme NAME | add ITEM | logout
//!   shop hammer     adds nails until it is killed, and prints the number of each visit once it is stored

use lily_session::{BoxError, Error, Persistence, Runtime, Session, Storage};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

struct Shop {
    token: String,
    theme: String,
    cart: BTreeMap<String, i64>, // each item, with how many
    visits: i64,
}

impl Default for Shop {
    fn default() -> Self {
        Shop { token: String::new(), theme: "light".into(), cart: BTreeMap::new(), visits: 0 }
    }
}

enum Message {
    Login(String),
    Theme(String),
    Add(String),
    Logout,
}

/// The size that the shop in C has room for, as it reads the same file.
fn fitting(text: String, size: usize) -> Result<String, BoxError> {
    if text.is_empty() || text.len() >= size {
        return Err("empty, or too long".into());
    }
    Ok(text)
}

/// The messages that change the model. If one is refused with an error, the model stays as it was.
fn update(storage: &Storage, shop: &mut Shop, message: Message) -> Result<(), BoxError> {
    match message {
        Message::Logout => {
            storage.clear()?; // removes all that is stored
            *shop = Shop::default();
        }
        Message::Login(name) => shop.token = fitting(name, 64)?,
        Message::Theme(name) => shop.theme = fitting(name, 16)?,
        Message::Add(item) => *shop.cart.entry(fitting(item, 64)?).or_default() += 1,
    }
    Ok(())
}

/// Returns the number of the visit. Loses none, even if another shop counts one at the same time, which may then be in the model already.
fn count_visit(runtime: &mut Runtime<Shop, Message>, session: &Session) -> Result<i64, Error> {
    let mut number = 0;
    runtime.modify(session, "visits", |visits: Option<&i64>| {
        number = visits.unwrap_or(&0) + 1;
        Ok(number)
    })?;
    Ok(number)
}

fn run(words: &[&str], message: Option<Message>) -> Result<(), BoxError> {
    let storage = Storage::options().application("shop").open_default()?;
    let fields = Persistence::new()
        .field("token", |shop: &Shop| &shop.token, |shop, token| shop.token = token)
        .field("theme", |shop| &shop.theme, |shop, theme| shop.theme = theme)
        .map("cart/", |shop| &shop.cart, |shop| &mut shop.cart) // two shops that add different items lose nothing
        .field("visits", |shop| &shop.visits, |shop, visits| shop.visits = visits);
    let inside = storage.clone();
    let mut runtime = Runtime::new(Shop::default(), move |shop: &mut Shop, message| update(&inside, shop, message));
    let session = runtime.attach(fields, &storage)?; // fills the model

    let mut out = std::io::stdout();
    match (words[0], message) {
        ("where", _) => writeln!(out, "{}", storage.path().ok_or("no path")?.display())?,
        ("hammer", _) => loop {
            runtime.dispatch(Message::Add("nail".into()))?;
            writeln!(out, "{}", count_visit(&mut runtime, &session)?)?; // from here on it survives a kill
            out.flush()?;
        },
        ("logout", Some(message)) => runtime.dispatch(message)?,
        (_, Some(message)) => {
            runtime.dispatch(message)?;
            count_visit(&mut runtime, &session)?;
        }
        _ => {
            let Shop { token, theme, cart, visits } = runtime.model();
            let token = if token.is_empty() { "none" } else { token };
            let cart: Vec<String> = cart.iter().map(|(item, count)| format!("{count} {item}")).collect();
            writeln!(out, "token {token}, theme {theme}, cart [{}], visits {visits}", cart.join(", "))?;
        }
    }
    runtime.flush(&session)?; // drop flushes, too, but cannot return an error
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let message = match words[..] {
        ["show" | "where" | "hammer"] => None,
        ["logout"] => Some(Message::Logout),
        ["login", name] => Some(Message::Login(name.into())),
        ["theme", name] => Some(Message::Theme(name.into())),
        ["add", item] => Some(Message::Add(item.into())),
        _ => {
            eprintln!("usage: shop show | where | login NAME | theme NAME | add ITEM | hammer | logout");
            return ExitCode::from(2);
        }
    };
    match run(&words, message) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shop: {error}");
            ExitCode::FAILURE
        }
    }
}
