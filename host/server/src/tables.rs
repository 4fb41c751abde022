//! The pages on which `task-host dev` shows what the tables contain.
//!
//! No host has them. The command serves them itself, on a port of its own, to browsers on this machine. All
//! names and values on them are the logic's, so they are texts and never markup.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use url::form_urlencoded;

use super::admin::Access;
use super::docs::{HTML, STYLE, plain, secured};
use super::file::File;
use contract::text::{clipped, escaped};
use storage::Value;
use storage::transfer::{Place, Table, View};

/// There is no script, and the style comes from the page's own file.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// How much of a text is shown, in bytes.
const TEXT_BYTES: usize = 500;
/// How many bytes of a blob are shown.
const BLOB_BYTES: usize = 32;
/// How far back the link to the previous page goes, in rows.
const PAGE_ROWS: u64 = 100;

static STYLES: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/tables/tables.css"), STYLE));

/// What the pages show.
#[async_trait]
pub trait Tables: Send + Sync + 'static {
    /// Reads the list of tables, and rows of one of them.
    ///
    /// # Errors
    /// The reason for people.
    async fn view(&self, place: Option<Place>) -> Result<View, String>;
}

/// Serves the pages until the future is dropped. The listener must have a loopback address.
///
/// # Errors
/// The listener cannot accept connections.
pub async fn serve(listener: TcpListener, tables: Arc<dyn Tables>) -> io::Result<()> {
    axum::serve(listener, router(tables)).await
}

fn router(tables: Arc<dyn Tables>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/tables.css", get(styles))
        .with_state(tables)
}

async fn styles(headers: HeaderMap) -> Response {
    secured(STYLES.respond(&headers), POLICY)
}

/// `GET /?table=NAME&offset=N`. Without a table: the first one.
async fn page(State(tables): State<Arc<dyn Tables>>, parts: Parts) -> Response {
    // A site can point its own name to this address.
    if !Access::is_local(&parts) {
        let text = "This page is for browsers on this machine.";
        return html(StatusCode::FORBIDDEN, &[], None, &message(text));
    }
    let place = match place(parts.uri.query().unwrap_or_default()) {
        Ok(place) => place,
        Err(reason) => return html(StatusCode::BAD_REQUEST, &[], None, &message(reason)),
    };
    let viewed = match tables.view(place.clone()).await {
        Ok(view) if place.is_none() && !view.tables.is_empty() => {
            let first = Place {
                table: view.tables[0].name.clone(),
                offset: 0,
            };
            let viewed = tables.view(Some(first)).await;
            viewed.map(|view| (view, 0))
        }
        viewed => viewed.map(|view| (view, place.as_ref().map_or(0, |place| place.offset))),
    };
    let (view, offset) = match viewed {
        Ok(viewed) => viewed,
        Err(reason) => {
            let text = format!("The database cannot be read: {reason}");
            return html(StatusCode::SERVICE_UNAVAILABLE, &[], None, &message(&text));
        }
    };
    match (view.shown, place) {
        (Some(shown), _) => {
            let content = rows(&view.tables[shown], &view, offset);
            html(StatusCode::OK, &view.tables, Some(shown), &content)
        }
        (None, Some(place)) => {
            let text = format!("There is no table {}.", place.table);
            html(StatusCode::NOT_FOUND, &view.tables, None, &message(&text))
        }
        (None, None) => {
            let text = "The logic has no tables.";
            html(StatusCode::OK, &[], None, &message(text))
        }
    }
}

/// Reads the place from a query. `None`: it names no table.
fn place(query: &str) -> Result<Option<Place>, &'static str> {
    let (mut table, mut offset) = (None, 0);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "table" => table = Some(value.into_owned()),
            "offset" => {
                let parsed = value.parse();
                offset = parsed.map_err(|_| "The offset must be a number of rows.")?;
            }
            _ => {}
        }
    }
    Ok(table.map(|table| Place { table, offset }))
}

fn html(status: StatusCode, tables: &[Table], shown: Option<usize>, content: &str) -> Response {
    let name = shown.map_or("Tables", |shown| &tables[shown].name);
    let mut list = String::new();
    for (index, table) in tables.iter().enumerate() {
        let current = match shown == Some(index) {
            true => " aria-current=\"page\"",
            false => "",
        };
        // Writing to a string does not fail.
        let _ = write!(
            list,
            "<li><a href=\"{}\"{current}>{}</a> <span class=\"quiet\">{}</span></li>",
            link(&table.name, 0),
            text(&table.name),
            table.rows
        );
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} · task-host dev</title>\n<link rel=\"stylesheet\" href=\"tables.css\">\n</head>\n\
         <body>\n<h1>Tables</h1>\n<nav aria-label=\"Tables\"><ul>{list}</ul></nav>\n\
         <main>{content}</main>\n</body>\n</html>\n",
        text(name)
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    secured(response, POLICY)
}

fn message(reason: &str) -> String {
    format!("<p>{}</p>", text(reason))
}

/// The rows of a table from an offset on, with links to the pages before and after them.
fn rows(table: &Table, view: &View, offset: u64) -> String {
    let end = offset.saturating_add(view.rows.len() as u64);
    let range = match view.rows.is_empty() {
        true => format!("No rows from here on; the table has {}.", table.rows),
        false => format!("Rows {} to {end} of {}.", offset + 1, table.rows),
    };
    let mut pages = String::new();
    if offset > 0 {
        let before = link(&table.name, offset.saturating_sub(PAGE_ROWS));
        let _ = write!(pages, "<a rel=\"prev\" href=\"{before}\">Previous</a> ");
    }
    if end < table.rows && !view.rows.is_empty() {
        let after = link(&table.name, end);
        let _ = write!(pages, "<a rel=\"next\" href=\"{after}\">Next</a>");
    }
    let columns = table.columns.iter();
    let columns: String = columns
        .map(|name| format!("<th scope=\"col\">{}</th>", text(name)))
        .collect();
    let mut body = String::new();
    for row in &view.rows {
        body.push_str("<tr>");
        for value in row {
            body.push_str(&cell(value));
        }
        body.push_str("</tr>\n");
    }
    let name = text(&table.name);
    format!(
        "<h2>{name}</h2><p class=\"quiet\">{range}</p>\
         <nav class=\"pages\" aria-label=\"Pages\">{pages}</nav>\
         <div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Rows of {name}\">\
         <table><thead><tr>{columns}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
    )
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "<td class=\"null\">NULL</td>".to_owned(),
        Value::Boolean(value) => format!("<td>{value}</td>"),
        Value::Integer(value) => format!("<td class=\"number\">{value}</td>"),
        Value::Real(value) => format!("<td class=\"number\">{value:?}</td>"),
        Value::Text(value) => match clipped(value, TEXT_BYTES) {
            start if start.len() == value.len() => format!("<td>{}</td>", text(value)),
            start => format!(
                "<td>{}… <span class=\"quiet\">{} characters</span></td>",
                text(start),
                value.chars().count()
            ),
        },
        Value::Blob(bytes) => {
            let shown = &bytes[..bytes.len().min(BLOB_BYTES)];
            let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            let more = match shown.len() == bytes.len() {
                true => "",
                false => "…",
            };
            format!(
                "<td class=\"blob\">{hex}{more} <span class=\"quiet\">{} bytes</span></td>",
                bytes.len()
            )
        }
    }
}

/// The address of a page, for an attribute.
fn link(table: &str, offset: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::from("?"));
    query.append_pair("table", table);
    if offset > 0 {
        query.append_pair("offset", &offset.to_string());
    }
    text(&query.finish())
}

/// Escapes a text for an element or an attribute in quotes, and what could change how it is shown.
fn text(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    for character in escaped(text).chars() {
        match character {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            other => markup.push(other),
        }
    }
    markup
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use axum::http::header::HOST;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    const NAME: &str = "a\"b'<i>&";

    /// One table with a row of every kind of value. `offset` is the number of rows before it.
    struct Fake(Vec<Value>);

    #[async_trait]
    impl Tables for Fake {
        async fn view(&self, place: Option<Place>) -> Result<View, String> {
            if place.as_ref().is_some_and(|place| place.offset == 999) {
                return Err("it is <gone>".to_owned());
            }
            Ok(View {
                tables: vec![Table {
                    name: NAME.to_owned(),
                    columns: vec!["<b>".to_owned(); self.0.len()],
                    rows: 1000,
                    last_id: None,
                }],
                shown: place.filter(|place| place.table == NAME).map(|_| 0),
                rows: vec![self.0.clone()],
            })
        }
    }

    async fn get(path: &str, host: &str, row: &[Value]) -> (StatusCode, String) {
        let request = Request::get(path).header(HOST, host).body(Body::empty());
        let router = router(Arc::new(Fake(row.to_vec())));
        let answer = router.oneshot(request.unwrap()).await.unwrap();
        let policy = &answer.headers()["content-security-policy"];
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"));
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    const HERE: &str = "127.0.0.1:9001";

    #[tokio::test]
    async fn names_and_values_are_texts_and_not_markup() {
        let row = [Value::Text("<script>alert('\u{202e}')</script>".to_owned())];
        let (status, page) = get("/", HERE, &row).await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            page.contains("<h2>a&quot;b&#39;&lt;i&gt;&amp;</h2>"),
            "{page}"
        );
        assert!(page.contains("<th scope=\"col\">&lt;b&gt;</th>"), "{page}");
        let cell = "<td>&lt;script&gt;alert(&#39;\\u202e&#39;)&lt;/script&gt;</td>";
        assert!(page.contains(cell), "{page}");
        assert!(
            !page.contains("<script>") && !page.contains("<i>"),
            "{page}"
        );
    }

    #[tokio::test]
    async fn every_kind_of_value_is_shown_and_large_ones_are_cut_off() {
        let row = [
            Value::Null,
            Value::Boolean(true),
            Value::Integer(-7),
            Value::Real(1.0),
            Value::Text("é".repeat(1000)),
            Value::Blob(vec![0xff; 100]),
        ];
        let (_, page) = get("/", HERE, &row).await;
        for cell in [
            "<td class=\"null\">NULL</td>".to_owned(),
            "<td>true</td>".to_owned(),
            "<td class=\"number\">-7</td>".to_owned(),
            "<td class=\"number\">1.0</td>".to_owned(),
            format!(
                "<td>{}… <span class=\"quiet\">1000 characters</span></td>",
                "é".repeat(250)
            ),
            format!(
                "{}… <span class=\"quiet\">100 bytes</span></td>",
                "ff".repeat(32)
            ),
        ] {
            assert!(page.contains(&cell), "{cell} is not in {page}");
        }
    }

    #[tokio::test]
    async fn the_links_lead_to_the_pages_before_and_after() {
        let link = |offset: u64| link(NAME, offset).replace("&amp;", "&");
        let (_, page) = get(&format!("/{}", link(150)), HERE, &[Value::Null]).await;
        assert!(page.contains("Rows 151 to 151 of 1000."), "{page}");
        for (rel, offset) in [("prev", 50), ("next", 151)] {
            let shown = format!("<a rel=\"{rel}\" href=\"{}\">", super::link(NAME, offset));
            assert!(page.contains(&shown), "{shown} is not in {page}");
        }
        let (_, first) = get(&format!("/{}", link(0)), HERE, &[Value::Null]).await;
        assert!(!first.contains("rel=\"prev\""), "{first}");
    }

    #[tokio::test]
    async fn what_cannot_be_shown_is_said() {
        for (path, status, words) in [
            ("/?table=other", 404, "There is no table other."),
            ("/?table=x&offset=-1", 400, "The offset must be a number"),
            (
                "/?table=x&offset=999",
                503,
                "cannot be read: it is &lt;gone&gt;",
            ),
        ] {
            let (answered, page) = get(path, HERE, &[]).await;
            assert_eq!(answered.as_u16(), status, "{path}");
            assert!(page.contains(words), "{page}");
        }
    }

    #[tokio::test]
    async fn a_site_whose_name_points_here_sees_nothing() {
        let (status, page) = get("/", "evil.example:9001", &[Value::Integer(7)]).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(!page.contains("<td"), "{page}");
    }
}
