//! Values of a program's types under keys of its own.

use crate::{encoding, BoxError, Error, Result, Status, Storage};
use serde::de::DeserializeOwned;
use serde::Serialize;
use std::time::SystemTime;

/// These methods need the feature `serde`.
impl Storage {
    /// Returns the value that is stored under `key`, or `None` if the key is absent or has expired.
    ///
    /// Fails with [`Status::Decode`] if what is stored is not a `T`. The message says why and where, and does not quote it.
    ///
    /// ```
    /// # use lily_session::Storage;
    /// # let storage = Storage::in_memory()?;
    /// storage.set_as("window", &(800, 600))?;
    /// assert_eq!(storage.get_as("window")?, Some((800, 600)));
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn get_as<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let text = self.get(key)?;
        text.map(|text| encoding::decode(&text).map_err(|error| about(key, Status::Decode, error)))
            .transpose()
    }

    /// Stores a value under `key` as JSON.
    ///
    /// Fails with [`Status::Encode`] if the value has no JSON, or is nested too deeply to be read again.
    pub fn set_as<T: Serialize + DeserializeOwned>(&self, key: &str, value: &T) -> Result<()> {
        self.set(key, encoded(key, value)?)
    }

    /// Stores a value under `key` as JSON that expires at `expires_at`.
    pub fn set_as_until<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        value: &T,
        expires_at: SystemTime,
    ) -> Result<()> {
        self.set_until(key, encoded(key, value)?, expires_at)
    }
}

fn encoded<T: Serialize + DeserializeOwned>(key: &str, value: &T) -> Result<Vec<u8>> {
    let mut written = Vec::new();
    encoding::encode(value, &mut written).map_err(|error| about(key, Status::Encode, error))?;
    Ok(written)
}

fn about(key: &str, status: Status, error: BoxError) -> Error {
    Error::new(status, format!("{key}: {error}"))
}
