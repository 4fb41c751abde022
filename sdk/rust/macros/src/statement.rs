//! `sql!`: splits a text into SQL and parameters, and checks what can be checked without a database.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, Ident, LitStr, Path, Token};

/// The keywords that a statement may begin with.
const ALLOWED: [&str; 6] = ["select", "insert", "update", "delete", "with", "values"];

/// The argument of the macro.
pub struct Input {
    /// The engine, if the statement is for one only.
    dialect: Option<Ident>,
    text: LitStr,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let dialect: Option<Ident> = input.parse()?;
        if let Some(dialect) = &dialect
            && dialect != "sqlite"
            && dialect != "postgres"
        {
            return Err(syn::Error::new(
                dialect.span(),
                "expected the statement's text, `sqlite` or `postgres`",
            ));
        }
        if !input.peek(LitStr) {
            return Err(input.error(
                "expected the statement as a string literal, such as sql!(\"select 1\"); insert constants with \
                 {const NAME}, and use Statement::new for a text that is made at run time",
            ));
        }
        let text = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(
                input.error("values stand in the text, in braces: sql!(\"… where id = {id}\")")
            );
        }
        Ok(Self { dialect, text })
    }
}

/// A part of the text.
#[derive(Debug, PartialEq)]
enum Part {
    Sql(String),
    /// The expression of a parameter.
    Value(String),
    /// The path of a string constant.
    Constant(String),
}

/// Expands the macro to a `Statement`.
pub fn expand(input: Input) -> syn::Result<TokenStream> {
    let literal = &input.text;
    let error = |message: String| syn::Error::new(literal.span(), message);
    let parts = split(&literal.value()).map_err(error)?;
    check_form(&parts).map_err(error)?;

    let mut texts = Vec::new();
    let mut values = Vec::new();
    for part in parts {
        match part {
            Part::Sql(text) => texts.push(quote!(#text)),
            Part::Value(expression) => {
                let literal = LitStr::new(&expression, literal.span());
                let expression: Expr = literal
                    .parse()
                    .map_err(|_| error(format!("{{{expression}}} is not an expression")))?;
                values.push(quote!(::task_host_sdk::sql::ToValue::to_value(&(#expression))));
                let number = format!("${}", values.len());
                texts.push(quote!(#number));
            }
            Part::Constant(path) => {
                let literal = LitStr::new(&path, literal.span());
                let path: Path = literal.parse_with(Path::parse_mod_style).map_err(|_| {
                    error(format!("{{const {path}}} is not the name of a constant"))
                })?;
                texts.push(quote!(#path));
            }
        }
    }
    let dialect = input.dialect.map(|dialect| dialect.to_string());
    let dialect = match dialect.as_deref() {
        None => quote!(::core::option::Option::None),
        Some("sqlite") => quote!(::core::option::Option::Some(
            ::task_host_sdk::sql::Dialect::Sqlite
        )),
        Some(_) => quote!(::core::option::Option::Some(
            ::task_host_sdk::sql::Dialect::Postgres
        )),
    };
    Ok(quote! {{
        const PARTS: &[&str] = &[#(#texts),*];
        const BYTES: [u8; ::task_host_sdk::__private::length(PARTS)] = ::task_host_sdk::__private::join(PARTS);
        const TEXT: &str = ::task_host_sdk::__private::text(&BYTES);
        #[cfg(not(target_family = "wasm"))]
        ::task_host_sdk::__private::inventory::submit! {
            ::task_host_sdk::testing::Registered {
                text: TEXT,
                dialect: #dialect,
                file: ::core::file!(),
                line: ::core::line!(),
            }
        }
        ::task_host_sdk::sql::Statement::new(TEXT, ::std::vec![#(#values),*])
    }})
}

/// Splits a text at its parameters, and checks its quotes.
fn split(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut sql = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '\'' | '"' => {
                let end = quoted(rest, first)?;
                sql.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            '{' if rest.starts_with("{{") => {
                sql.push('{');
                rest = &rest[2..];
            }
            '}' if rest.starts_with("}}") => {
                sql.push('}');
                rest = &rest[2..];
            }
            '{' => {
                let end = closing_brace(rest)?;
                let inside = rest[1..end].trim();
                if inside.is_empty() {
                    return Err("{} needs the expression of its value, such as {id}".to_owned());
                }
                parts.push(Part::Sql(std::mem::take(&mut sql)));
                parts.push(match inside.strip_prefix("const ") {
                    Some(path) => Part::Constant(path.trim().to_owned()),
                    None => Part::Value(inside.to_owned()),
                });
                rest = &rest[end + 1..];
            }
            '}' => return Err("a } has no {; write }} for a brace".to_owned()),
            '-' if rest.starts_with("--") => {
                // The end of the line still separates words.
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            }
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/").ok_or("a comment /* has no */")?;
                sql.push(' ');
                rest = &rest[end + 2..];
            }
            '$' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                return Err("write the value in braces, such as {id}, and not as $1".to_owned());
            }
            '?' => {
                return Err("write the value in braces, such as {id}, and not as ?".to_owned());
            }
            _ => {
                sql.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    parts.push(Part::Sql(sql));
    parts.retain(|part| *part != Part::Sql(String::new()));
    Ok(parts)
}

/// Returns the end of the quoted text that a text begins with. A doubled quote is part of it.
fn quoted(text: &str, quote: char) -> Result<usize, String> {
    let mut end = 1;
    loop {
        let length = text[end..]
            .find(quote)
            .ok_or_else(|| format!("a {quote} is not closed: {}", shortened(text)))?;
        end += length + 1;
        if !text[end..].starts_with(quote) {
            break;
        }
        end += 1;
    }
    let inside = &text[1..end - 1];
    match parameter_in(inside) {
        Some(parameter) if quote == '\'' => Err(format!(
            "{{{parameter}}} is in quotes, where it is text and no parameter; write {{{parameter}}} without quotes, \
             and join texts with ||, such as '%' || {{{parameter}}} || '%'"
        )),
        _ => Ok(end),
    }
}

/// Returns what looks like a parameter in quoted text: a name or a path of names in single braces.
fn parameter_in(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let inside = &rest[start + 1..];
        let end = inside.find('}')?;
        let name = &inside[..end];
        let doubled = rest[..start].ends_with('{') || inside[end + 1..].starts_with('}');
        if !doubled
            && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        {
            return Some(name);
        }
        rest = &inside[end..];
    }
    None
}

/// Returns the position of the brace that closes the first one. Braces in the expression's own strings and blocks
/// are counted.
fn closing_brace(text: &str) -> Result<usize, String> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' if !in_string => depth += 1,
            '}' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return Ok(index);
                }
            }
            _ => {}
        }
    }
    Err(format!("a {{ is not closed: {}", shortened(text)))
}

/// Checks that the text is one statement of a kind that the host allows.
fn check_form(parts: &[Part]) -> Result<(), String> {
    let mut plain = String::new();
    for part in parts {
        match part {
            Part::Sql(text) => plain.push_str(&without_quoted(text)),
            Part::Value(_) => plain.push_str(" $ "),
            Part::Constant(_) => plain.push_str(" const "),
        }
    }
    if plain.trim().is_empty() {
        return Err("the statement is empty".to_owned());
    }
    if let Some((_, rest)) = plain.split_once(';') {
        return Err(match rest.trim() {
            "" => "leave out the semicolon: a call runs one statement".to_owned(),
            _ => "a call runs one statement: write a second sql! for what follows the semicolon"
                .to_owned(),
        });
    }
    let mut depth = 0_usize;
    for character in plain.chars() {
        match character {
            '(' => depth += 1,
            ')' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or("a closing parenthesis has no opening one")?;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a parenthesis is not closed".to_owned());
    }
    let first = plain
        .trim_start_matches(|c: char| c.is_whitespace() || c == '(')
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default();
    let known = ALLOWED
        .iter()
        .any(|keyword| first.eq_ignore_ascii_case(keyword));
    if known || first == "const" {
        Ok(())
    } else {
        Err(format!(
            "the host runs SELECT, INSERT, UPDATE, DELETE, WITH and VALUES, but this begins with `{first}`; the \
             schema is changed in migrations"
        ))
    }
}

fn without_quoted(text: &str) -> String {
    let mut plain = String::new();
    let mut quote = None;
    for character in text.chars() {
        match quote {
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if matches!(character, '\'' | '"') => {
                quote = Some(character);
                // Something that is quoted is a value or a name.
                plain.push_str(" q ");
            }
            None => plain.push(character),
        }
    }
    plain
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(30).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> Part {
        Part::Sql(text.to_owned())
    }

    fn value(text: &str) -> Part {
        Part::Value(text.to_owned())
    }

    fn refused(text: &str) -> String {
        split(text)
            .and_then(|parts| check_form(&parts))
            .unwrap_err()
    }

    #[test]
    fn braces_are_parameters_and_constants() {
        let parts = split(
            "select {const COLUMNS} from t where a = {draft.url} and b = {if x { 1 } else { 2 }}",
        );
        assert_eq!(
            parts.unwrap(),
            [
                sql("select "),
                Part::Constant("COLUMNS".to_owned()),
                sql(" from t where a = "),
                value("draft.url"),
                sql(" and b = "),
                value("if x { 1 } else { 2 }"),
            ]
        );
    }

    #[test]
    fn braces_in_quotes_and_doubled_braces_are_text() {
        assert_eq!(
            split(r#"select '{"a": 1}' || 'it''s {{x}}', "a{b", {{1}}"#).unwrap(),
            [sql(r#"select '{"a": 1}' || 'it''s {{x}}', "a{b", {1}"#)]
        );
    }

    #[test]
    fn comments_are_left_out() {
        let parts = split("select 1 -- {x} ' ; \n, /* {y} \" */ 2").unwrap();
        assert_eq!(parts, [sql("select 1 \n,   2")]);
        assert_eq!(check_form(&parts), Ok(()));
    }

    #[test]
    fn a_parameter_in_quotes_is_refused_with_what_to_write() {
        let message = refused("select 1 from t where url like '%{q}%'");
        assert!(message.contains("'%' || {q} || '%'"), "{message}");
    }

    #[test]
    fn what_is_not_one_closed_statement_is_refused() {
        for (text, part) in [
            ("", "empty"),
            ("-- select 1", "empty"),
            ("select 'a", "' is not closed: 'a"),
            ("select \"a", "\" is not closed"),
            ("select (1", "parenthesis is not closed"),
            ("select 1)", "no opening one"),
            ("select {a", "{ is not closed"),
            ("select a}", "has no {"),
            ("select {}", "needs the expression"),
            ("select $1", "in braces"),
            ("select ?", "in braces"),
            ("select 1;", "leave out the semicolon"),
            ("select 1; select 2", "second sql!"),
            ("create table t (a)", "begins with `create`"),
            ("pragma foreign_keys", "migrations"),
        ] {
            let message = refused(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn every_kind_of_statement_that_the_host_allows_is_accepted() {
        for text in [
            "SELECT ';' , '(' ",
            "  with a as (select 1) select * from a",
            "(select 1) union (select 2)",
            "values (1)",
            "Insert into t values ({a})",
            "update t set a = {a}",
            "delete from t",
            "{const LIST} where id = {id}",
        ] {
            let parts = split(text).unwrap();
            assert_eq!(check_form(&parts), Ok(()), "{text}");
        }
    }
}
