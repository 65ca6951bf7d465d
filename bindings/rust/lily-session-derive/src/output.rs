//! Writes the implementation of `Persist`.

use crate::parse::{respan, Error, Member, Result, Structure};
use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

pub fn implementation(structure: &Structure) -> Result<TokenStream> {
    let mut list = tokens("::lily_session::Persistence::<Self>::new()")?;
    for member in &structure.members {
        list.extend(field(member)?);
    }
    of(&structure.name, list)
}

/// Returns the implementation for a type of which the members are not known.
pub fn without_fields(name: &Ident) -> Result<TokenStream> {
    of(name, tokens("::lily_session::Persistence::<Self>::new()")?)
}

fn of(name: &Ident, list: TokenStream) -> Result<TokenStream> {
    let block = |content: TokenStream| TokenTree::from(Group::new(Delimiter::Brace, content));
    let mut function = tokens("fn fields() -> ::lily_session::Persistence<Self>")?;
    function.extend([block(list)]);
    let mut whole = tokens("impl ::lily_session::Persist for")?;
    whole.extend([TokenTree::from(name.clone()), block(function)]);
    Ok(whole)
}

fn tokens(text: &str) -> Result<TokenStream> {
    text.parse()
        .map_err(|error| Error::new(Span::call_site(), format!("lily-session-derive: {error}")))
}

/// Returns the call that adds the field of a member, or nothing if the member is skipped.
fn field(member: &Member) -> Result<TokenStream> {
    let mut options: Vec<_> = member.options.iter().collect();
    let mut take = |name: &str| -> Result<Option<&(Ident, TokenStream)>> {
        let found = options.iter().position(|option| option.0.to_string() == name);
        let option = found.map(|at| options.remove(at));
        match options.iter().find(|option| option.0.to_string() == name) {
            Some(twice) => Err(Error::new(twice.0.span(), format!("`{name}` twice"))),
            None => Ok(option),
        }
    };
    let [skip, key, map, expires, version, migrate, former] = [
        take("skip")?,
        take("key")?,
        take("map")?,
        take("expires")?,
        take("version")?,
        take("migrate")?,
        take("former")?,
    ];
    if let Some(unknown) = options.first() {
        let known = "skip, key, map, expires, version, migrate, former";
        return Err(Error::new(unknown.0.span(), format!("unknown option `{}`: there are {known}", unknown.0)));
    }
    if let Some(skip) = skip {
        if member.options.len() > 1 || !skip.1.is_empty() {
            return Err(Error::new(skip.0.span(), "a member that is skipped has no other option, and `skip` no value"));
        }
        return Ok(TokenStream::new());
    }
    for (option, value) in &member.options {
        if value.is_empty() {
            return Err(Error::new(option.span(), format!("`{option}` needs a value: `{option} = …`")));
        }
    }
    if let (Some(_), Some(other)) = (map, key.or(former)) {
        return Err(Error::new(other.0.span(), format!("a map has a prefix and no `{}`", other.0)));
    }
    let name = &member.name;
    let own_key = name.to_string();
    let own_key = format!("{:?}", own_key.trim_start_matches("r#"));
    let text = |option: Option<&(Ident, TokenStream)>| option.map(|option| option.1.to_string());
    let mut made = match text(map) {
        Some(prefix) => format!(
            "::lily_session::Map::new({prefix}, |session: &Self| &session.{name}, |session: &mut Self| &mut session.{name})"
        ),
        None => format!(
            "::lily_session::Field::new({}, |session: &Self| &session.{name}, |session: &mut Self, value| session.{name} = value)",
            text(key).unwrap_or(own_key)
        ),
    };
    if let Some(duration) = text(expires) {
        made += &format!(".expires_after({duration})");
    }
    if let Some(version) = text(version) {
        made += &format!(".version({version})");
    }
    if let Some(function) = text(migrate) {
        made += &format!(".migrate({function})");
    }
    if let Some(keys) = text(former) {
        let keys = if keys.starts_with('[') { keys } else { format!("[{keys}]") };
        made += &format!(".former_keys({keys})");
    }
    let add = if map.is_some() { "with_map" } else { "with" };
    Ok(respan(tokens(&format!(".{add}({made})"))?, name.span()))
}
