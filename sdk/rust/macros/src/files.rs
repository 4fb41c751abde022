//! `assets!` and `migrations!`: folders that become part of the component.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

/// The media types of files that browsers load, by extension.
#[rustfmt::skip]
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"), ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"), ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"), ("map", "application/json"), ("webmanifest", "application/manifest+json"),
    ("txt", "text/plain; charset=utf-8"), ("csv", "text/csv; charset=utf-8"), ("xml", "application/xml"),
    ("pdf", "application/pdf"), ("wasm", "application/wasm"),
    ("svg", "image/svg+xml"), ("png", "image/png"), ("jpg", "image/jpeg"), ("jpeg", "image/jpeg"),
    ("gif", "image/gif"), ("webp", "image/webp"), ("avif", "image/avif"), ("ico", "image/x-icon"),
    ("woff", "font/woff"), ("woff2", "font/woff2"), ("ttf", "font/ttf"),
    ("mp3", "audio/mpeg"), ("ogg", "audio/ogg"), ("mp4", "video/mp4"), ("webm", "video/webm"),
];

/// Expands `assets!`.
pub fn assets(folder: &LitStr) -> syn::Result<TokenStream> {
    let error = |message: String| syn::Error::new(folder.span(), message);
    let root = locate(folder)?;
    let mut files = BTreeMap::new();
    walk(&root, "", &mut files).map_err(error)?;
    let mut items = Vec::new();
    for (path, (media_type, file)) in files {
        let file = file.to_string_lossy();
        items.push(quote!((#path, #media_type, ::core::include_bytes!(#file))));
    }
    Ok(quote!(::task_host_sdk::__private::assets(&[#(#items),*])))
}

/// Collects the files of a folder: the path at which each is served, its media type and its place.
fn walk(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, (&'static str, PathBuf)>,
) -> Result<(), String> {
    for (name, path) in entries(folder)? {
        let served = format!("{prefix}/{name}");
        if path.is_dir() {
            walk(&path, &served, files)?;
            continue;
        }
        let Some((_, extension)) = name.rsplit_once('.').filter(|(_, e)| *e != "md") else {
            continue;
        };
        let Some((_, media_type)) = MEDIA_TYPES.iter().find(|(e, _)| *e == extension) else {
            return Err(format!(
                "{} has an extension without a known media type; rename it, or list your assets without assets!",
                path.display()
            ));
        };
        let served = match served.strip_suffix("index.html") {
            Some(folder) if folder.ends_with('/') => folder.to_owned(),
            _ => served,
        };
        files.insert(served, (media_type, path));
    }
    Ok(())
}

/// The files of one migration.
#[derive(Default)]
struct Migration {
    both: Option<PathBuf>,
    sqlite: Option<PathBuf>,
    postgres: Option<PathBuf>,
}

/// Expands `migrations!`.
pub fn migrations(folder: &LitStr) -> syn::Result<TokenStream> {
    let error = |message: String| syn::Error::new(folder.span(), message);
    let root = locate(folder)?;
    let mut found: BTreeMap<String, Migration> = BTreeMap::new();
    for (name, path) in entries(&root).map_err(error)? {
        let Some(stem) = name.strip_suffix(".sql") else {
            continue;
        };
        let (step, engine) = match stem.rsplit_once('.') {
            Some((step, engine)) => (step, Some(engine)),
            None => (stem, None),
        };
        let digits = step.bytes().take_while(u8::is_ascii_digit).count();
        if digits != 4 || step.as_bytes().get(4) != Some(&b'-') || step.len() == 5 {
            return Err(error(format!(
                "the migration {name} needs a name such as 0001-bookmarks.sql: four digits, a hyphen, and what it does"
            )));
        }
        let migration = found.entry(step.to_owned()).or_default();
        match engine {
            None => migration.both = Some(path),
            Some("sqlite") => migration.sqlite = Some(path),
            Some("postgres") => migration.postgres = Some(path),
            Some(other) => {
                return Err(error(format!(
                    "the migration {name} is for the unknown engine {other}; use .sqlite.sql or .postgres.sql"
                )));
            }
        }
    }
    let mut items = Vec::new();
    let mut last = String::new();
    for (step, files) in found {
        if step[..4] == last[..last.len().min(4)] {
            return Err(error(format!(
                "two migrations have the same number: {last} and {step}"
            )));
        }
        let (sqlite, postgres) = match &files {
            Migration {
                both: Some(both),
                sqlite: None,
                postgres: None,
            } => (both, Some(both)),
            Migration {
                both: None,
                sqlite: Some(sqlite),
                postgres,
            } => (sqlite, postgres.as_ref()),
            Migration { both: None, .. } => {
                return Err(error(format!(
                    "the migration {step} has no file {step}.sqlite.sql"
                )));
            }
            _ => {
                return Err(error(format!(
                    "the migration {step} has {step}.sql for both engines, and another file for one engine"
                )));
            }
        };
        let sqlite = include(sqlite);
        let postgres = postgres.map_or_else(|| quote!(""), |path| include(path));
        items.push(quote! {
            ::task_host_sdk::service::Migration {
                name: ::std::string::String::from(#step),
                sqlite: ::std::string::String::from(#sqlite),
                postgres: ::std::string::String::from(#postgres),
            }
        });
        last = step;
    }
    Ok(quote!(::std::vec![#(#items),*]))
}

fn include(path: &Path) -> TokenStream {
    let path = path.to_string_lossy();
    quote!(::core::include_str!(#path))
}

/// Returns the folder that a literal names.
fn locate(folder: &LitStr) -> syn::Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = Path::new(&package).join(folder.value());
    match path.is_dir() {
        true => Ok(path),
        false => Err(syn::Error::new(
            folder.span(),
            format!("there is no folder {}", path.display()),
        )),
    }
}

/// Returns the names and paths in a folder, sorted. Hidden ones are left out.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| format!("the name of {} is not UTF-8", path.display()))?;
        if !name.starts_with('.') {
            entries.push((name.to_owned(), path));
        }
    }
    entries.sort();
    Ok(entries)
}
