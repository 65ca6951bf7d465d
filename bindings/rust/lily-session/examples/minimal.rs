use lily_session::{Error, Persistence, Runtime, Storage};

struct App {
    theme: String,
    visits: i64,
}

enum Message {
    Visit,
    Theme(String),
}

fn update(app: &mut App, message: Message) {
    match message {
        Message::Visit => app.visits += 1,
        Message::Theme(theme) => app.theme = theme,
    }
}

fn main() -> Result<(), Error> {
    let storage = Storage::options().application("minimal").open_default()?;
    let fields = Persistence::new()
        .field("theme", |app: &App| &app.theme, |app, theme| app.theme = theme)
        .field("visits", |app| &app.visits, |app, visits| app.visits = visits);

    let mut runtime = Runtime::new(App { theme: "light".into(), visits: 0 }, update);
    let session = runtime.attach(fields, &storage)?; // fills the model from the file

    runtime.dispatch(Message::Visit)?; // changes the model, and stores what changed
    if let Some(theme) = std::env::args().nth(1) {
        runtime.dispatch(Message::Theme(theme))?;
    }
    println!("visit {}, theme {}", runtime.model().visits, runtime.model().theme);
    runtime.flush(&session)
}
