//! Counts the visits of a user, whichever machine they come to: user NAME. The sessions are in the Redis that LILY_SESSION_REDIS names.

use lily_session::{Error, Persistence, RedisOptions, Runtime};
use std::time::Duration;

struct User {
    visits: i64,
}

fn main() -> Result<(), Error> {
    let half_an_hour = Duration::from_secs(30 * 60); // a user who stays away for so long is forgotten
    let all = RedisOptions::new().idle(Some(half_an_hour)).open()?; // or Storage::redis("redis://sessions.example")
    let name = std::env::args().nth(1).unwrap_or_else(|| "ada".into());
    let scope = all.scoped(&format!("user:{name}"))?;

    let fields = Persistence::new().field("visits", |user: &User| &user.visits, |user, visits| user.visits = visits);
    let mut runtime = Runtime::without_update(User { visits: 0 });
    let session = runtime.attach(fields, &scope)?;
    runtime.modify(&session, "visits", |visits: Option<&i64>| Ok(visits.unwrap_or(&0) + 1))?;
    println!("visit {}", runtime.model().visits);
    Ok(())
}
