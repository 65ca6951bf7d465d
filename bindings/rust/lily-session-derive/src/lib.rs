//! `#[derive(Persist)]` of the crate `lily-session`, whose feature `derive` brings it.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod output;
mod parse;

use proc_macro::TokenStream;

/// Implements `lily_session::Persist` for a struct: `App::fields()` returns a `Persistence` with one field for each member, whose key is the
/// member's name.
///
/// ```text
/// #[derive(Persist, Default)]
/// struct App {
///     theme: String,
///     #[persist(key = "auth", expires = Duration::from_secs(7 * 24 * 3600), former = "token")]
///     token: Option<String>,
///     #[persist(version = 1, migrate = from_fraction)]
///     volume: i64,
///     #[persist(map = "cart/")]
///     cart: BTreeMap<String, i64>,
///     #[persist(skip)]
///     window: Option<Window>,
/// }
/// ```
///
/// | attribute | what it does |
/// |---|---|
/// | `skip` | the member is no field |
/// | `key = "auth"` | sets the key |
/// | `expires = Duration::from_secs(60)` | `Field::expires_after` |
/// | `version = 1` | `Field::version` |
/// | `migrate = function` | `Field::migrate`: a function or a closure of the stored version and JSON |
/// | `former = "token"`, `former = ["token", "login"]` | `Field::former_keys` |
/// | `map = "cart/"` | the member is a map with this prefix, whose entries are stored each under a key of its own |
#[proc_macro_derive(Persist, attributes(persist))]
pub fn derive_persist(input: TokenStream) -> TokenStream {
    let name = parse::name(input.clone());
    parse::structure(input)
        .and_then(|structure| output::implementation(&structure))
        .unwrap_or_else(|error| {
            let mut told = error.to_compile_error();
            // What uses the fields would be reported as well, if there were none.
            told.extend(name.and_then(|name| output::without_fields(&name).ok()));
            told
        })
}
