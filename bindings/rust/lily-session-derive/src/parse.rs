//! Reads a struct and its attributes. It reads the tokens itself, because the crates that could do so would be the only dependencies.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use std::iter::Peekable;

/// What is wrong, and where.
pub struct Error(Span, String);

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Error(span, message.into())
    }

    pub fn to_compile_error(&self) -> TokenStream {
        let tokens: TokenStream = format!("::core::compile_error!({:?});", self.1).parse().unwrap_or_default();
        respan(tokens, self.0)
    }
}

/// Returns the tokens as if they stood at this place, which is where the compiler reports what is wrong with them.
pub fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let moved = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), respan(group.stream(), span)).into();
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(moved).collect()
}

pub struct Structure {
    pub name: Ident,
    pub members: Vec<Member>,
}

pub struct Member {
    pub name: Ident,
    /// The options of `#[persist(…)]`, with what stands behind the `=`.
    pub options: Vec<(Ident, TokenStream)>,
}

type Tokens = Peekable<proc_macro::token_stream::IntoIter>;

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn next_ident(tokens: &mut Tokens, what: &str) -> Result<Ident> {
    match tokens.next() {
        Some(TokenTree::Ident(ident)) => Ok(ident),
        other => Err(Error::new(other.map_or_else(Span::call_site, |token| token.span()), format!("expected {what}"))),
    }
}

/// Reads the attributes that come next, and returns the options of those that are `persist`.
fn attributes(tokens: &mut Tokens) -> Result<Vec<(Ident, TokenStream)>> {
    let mut found = Vec::new();
    while is_punct(tokens.peek(), '#') {
        tokens.next();
        let attribute = match tokens.next() {
            Some(TokenTree::Group(attribute)) => attribute,
            _ => continue,
        };
        let mut inner = attribute.stream().into_iter().peekable();
        if !matches!(inner.next(), Some(TokenTree::Ident(name)) if name.to_string() == "persist") {
            continue;
        }
        match inner.next() {
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Parenthesis => {
                found.extend(options(list.stream())?)
            }
            _ => return Err(Error::new(attribute.span(), "expected #[persist(…)], such as #[persist(skip)]")),
        }
    }
    Ok(found)
}

fn options(list: TokenStream) -> Result<Vec<(Ident, TokenStream)>> {
    let mut tokens = list.into_iter().peekable();
    let mut found = Vec::new();
    while tokens.peek().is_some() {
        let name = next_ident(&mut tokens, "the name of an option")?;
        let has_value = is_punct(tokens.peek(), '=');
        if has_value {
            tokens.next();
        }
        let mut value = Vec::new();
        while tokens.peek().is_some() && !is_punct(tokens.peek(), ',') {
            value.extend(tokens.next());
        }
        tokens.next();
        if has_value == value.is_empty() {
            return Err(Error::new(name.span(), format!("expected `{name}` or `{name} = …`")));
        }
        found.push((name, value.into_iter().collect()));
    }
    Ok(found)
}

/// Skips `pub`, `pub(crate)` and the like.
fn skip_visibility(tokens: &mut Tokens) {
    if matches!(tokens.peek(), Some(TokenTree::Ident(word)) if word.to_string() == "pub") {
        tokens.next();
        if matches!(tokens.peek(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis) {
            tokens.next();
        }
    }
}

/// Returns the name of a type that has no parameters; `None` if it is not found.
pub fn name(input: TokenStream) -> Option<Ident> {
    let mut tokens = input.into_iter();
    tokens.find(
        |token| matches!(token, TokenTree::Ident(word) if ["struct", "enum", "union"].contains(&&*word.to_string())),
    )?;
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(name)), rest) if !is_punct(rest.as_ref(), '<') => Some(name),
        _ => None,
    }
}

pub fn structure(input: TokenStream) -> Result<Structure> {
    let mut tokens = input.into_iter().peekable();
    if let Some((option, _)) = attributes(&mut tokens)?.first() {
        return Err(Error::new(option.span(), "#[persist(…)] belongs to a member"));
    }
    skip_visibility(&mut tokens);
    let keyword = next_ident(&mut tokens, "a struct")?;
    let name = next_ident(&mut tokens, "the name of the struct")?;
    if keyword.to_string() != "struct" {
        return Err(Error::new(keyword.span(), "Persist can be derived for a struct only"));
    }
    if is_punct(tokens.peek(), '<') {
        return Err(Error::new(
            name.span(),
            "Persist cannot be derived for a generic struct: write a Persistence by hand",
        ));
    }
    match tokens.next() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
            Ok(Structure { name, members: members(body.stream())? })
        }
        _ => Err(Error::new(name.span(), "Persist needs members that have names, which are the keys of the fields")),
    }
}

fn members(body: TokenStream) -> Result<Vec<Member>> {
    let mut tokens = body.into_iter().peekable();
    let mut found = Vec::new();
    while tokens.peek().is_some() {
        let options = attributes(&mut tokens)?;
        skip_visibility(&mut tokens);
        let name = next_ident(&mut tokens, "a member")?;
        // The type is not needed, because the closures determine it. Commas between < and > belong to it.
        let mut depth = 0_i32;
        let mut after_minus = false;
        for token in tokens.by_ref() {
            if let TokenTree::Punct(punct) = &token {
                match punct.as_char() {
                    '<' => depth += 1,
                    '>' if !after_minus => depth -= 1,
                    ',' if depth == 0 => break,
                    _ => {}
                }
                after_minus = punct.as_char() == '-';
            }
        }
        found.push(Member { name, options });
    }
    Ok(found)
}
