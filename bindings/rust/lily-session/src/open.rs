use std::borrow::Borrow;

use crate::{Persistence, Result, Runtime, Session, Storage};

/// Fills a model from the file in the default place, for a program that changes its model itself. It is the short form of opening a storage,
/// making a runtime and attaching the fields.
///
/// `application` is the program's name, as for [`StorageOptions::application`](crate::StorageOptions::application). Dropping the runtime
/// stores what changed and closes the file; [`flush`](Runtime::flush) does so with a result.
///
/// ```no_run
/// # use lily_session::Persistence;
/// let fields = Persistence::new().field("volume", |volume: &i64| volume, |volume, new| *volume = new);
/// let (mut runtime, session) = lily_session::open("player", 50, fields)?;
/// *runtime.model_mut() = 60;
/// runtime.persist(&session)?;
/// # Ok::<(), lily_session::Error>(())
/// ```
pub fn open<M: 'static>(
    application: impl Into<String>,
    model: M,
    fields: impl Borrow<Persistence<M>>,
) -> Result<(Runtime<M>, Session)> {
    let storage = Storage::options().application(application).open_default()?;
    let mut runtime = Runtime::without_update(model);
    let session = runtime.attach(fields, &storage)?;
    Ok((runtime, session))
}
