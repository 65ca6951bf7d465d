//! The fields of a struct by `#[derive(Persist)]`: a player's settings and its log-in. It needs the features `derive` and `serde`.
//!
//!   derived [show | louder | login NAME | queue TITLE | logout]

use lily_session::{Error, Persist};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
struct Track {
    title: String,
    seconds: f32,
}

#[derive(Persist)]
struct Player {
    /// Version 0 stored a fraction, such as 0.5, under "loudness".
    #[persist(version = 1, migrate = percent, former = "loudness")]
    volume: i64,
    /// The token of a log-in expires a week after it was last used.
    #[persist(key = "auth", expires = Duration::from_secs(7 * 24 * 3600))]
    token: Option<String>,
    queue: Vec<Track>,
    /// Each entry is stored under a key of its own.
    #[persist(map = "plays/")]
    plays: BTreeMap<String, i64>,
    #[persist(skip)]
    started: std::time::Instant,
}

impl Default for Player {
    fn default() -> Self {
        Player {
            volume: 50,
            token: None,
            queue: Vec::new(),
            plays: BTreeMap::new(),
            started: std::time::Instant::now(),
        }
    }
}

fn percent(_version: u32, json: &str) -> Result<i64, std::num::ParseFloatError> {
    json.parse::<f64>().map(|fraction| (fraction * 100.0) as i64)
}

fn main() -> Result<(), Error> {
    let (mut player, session) = lily_session::open("derived", Player::default(), Player::fields())?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["show"] => {}
        ["louder"] => player.model_mut().volume += 10,
        ["login", name] => player.model_mut().token = Some(name.to_owned()),
        ["queue", title] => {
            let model = player.model_mut();
            model.queue.push(Track { title: title.to_owned(), seconds: 0.1 });
            *model.plays.entry(title.to_owned()).or_default() += 1;
        }
        ["logout"] => {
            player.storage(&session)?.clear()?; // removes all that is stored, and leaves the model alone
            player.refresh(&session)?; // resets the model to the values from before it was attached
        }
        _ => println!("usage: derived [show | louder | login NAME | queue TITLE | logout]"),
    }
    if player.model().token.is_some() {
        player.touch(&session, "auth")?; // it is in use, so it expires a week from now
    }
    player.flush(&session)?;
    let Player { volume, token, queue, plays, started } = player.model();
    let queue: Vec<_> = queue
        .iter()
        .map(|track| format!("{} {} s", track.title, track.seconds))
        .collect();
    println!("volume {volume}, token {}, queue {queue:?}, plays {plays:?}", token.as_deref().unwrap_or("none"));
    assert!(started.elapsed() < Duration::from_secs(60));
    Ok(())
}
