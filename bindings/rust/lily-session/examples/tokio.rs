//! Follows what other programs change, in the event loop of tokio. Start it, and run `minimal dark` in another terminal: both use one file.
//!
//!   cargo run --example tokio

use lily_session::{Error, Persistence, Runtime, Storage};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;

struct App {
    theme: String,
    visits: i64,
}

/// Waits until another program changes the file, or a field expires.
async fn changed(watch: &AsyncFd<lily_session::Watch>, next_expiry: Option<Duration>) -> io::Result<()> {
    let until = next_expiry.unwrap_or(Duration::from_secs(u32::MAX.into()));
    tokio::select! {
        ready = watch.readable() => ready?.clear_ready(), // a refresh is what makes the descriptor unreadable again
        () = tokio::time::sleep(until) => {}
    }
    Ok(())
}

async fn follow(
    runtime: &mut Runtime<App>,
    session: &lily_session::Session,
    storage: &Storage,
) -> io::Result<Infallible> {
    let watch = storage.watch().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
    let watch = AsyncFd::with_interest(watch, Interest::READABLE)?;
    loop {
        for change in runtime.refresh(session)? {
            println!("{}: {:?}", change.key, change.kind);
        }
        println!("visit {}, theme {}", runtime.model().visits, runtime.model().theme);
        changed(&watch, runtime.next_expiry(session)).await?;
    }
}

fn main() -> Result<(), Error> {
    let storage = Storage::options().application("minimal").open_default()?;
    let fields = Persistence::new()
        .field("theme", |app: &App| &app.theme, |app, theme| app.theme = theme)
        .field("visits", |app| &app.visits, |app, visits| app.visits = visits);
    let mut runtime = Runtime::without_update(App { theme: "light".into(), visits: 0 });
    let session = runtime.attach(&fields, &storage)?;
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match tokio.block_on(follow(&mut runtime, &session, &storage))? {}
}
