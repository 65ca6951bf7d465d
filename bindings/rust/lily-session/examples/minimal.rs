use lily_session::{Error, Persistence};

struct App {
    theme: String,
    visits: i64,
}

fn main() -> Result<(), Error> {
    let fields = Persistence::new()
        .field("theme", |app: &App| &app.theme, |app, theme| app.theme = theme)
        .field("visits", |app| &app.visits, |app, visits| app.visits = visits);
    let app = App { theme: "light".into(), visits: 0 };
    let (mut runtime, session) = lily_session::open("minimal", app, fields)?; // fills the model from the file

    match std::env::args().nth(1).as_deref() {
        Some("logout") => {
            runtime.storage(&session)?.clear()?; // deletes all that is stored; the model still has its values
            runtime.refresh(&session)?; // gives the model the values from before it was filled
        }
        Some(theme) => runtime.model_mut().theme = theme.into(),
        None => {}
    }
    // This loses no visit, even if another program counts one at the same time. It also stores what changed in the model, as `persist` does.
    runtime.modify(&session, "visits", |visits: Option<&i64>| Ok(visits.unwrap_or(&0) + 1))?;
    println!("visit {}, theme {}", runtime.model().visits, runtime.model().theme);
    runtime.flush(&session)
}
