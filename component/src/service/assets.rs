//! The files of the web UI. They are part of the component, so that a page and the logic that it
//! calls are replaced together.

use crate::contract::service::Asset;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// A file in `component/web`, served at the same path.
macro_rules! file {
    ($path:literal, $media_type:expr) => {
        (
            concat!("/", $path),
            $media_type,
            include_bytes!(concat!("../../web/", $path)),
        )
    };
}

/// Every file with its path, media type and content. `/` is the page.
const FILES: &[(&str, &str, &[u8])] = &[
    ("/", HTML, include_bytes!("../../web/index.html")),
    file!("icon.svg", IMAGE),
    file!("styles/base.css", STYLE),
    file!("styles/overlays.css", STYLE),
    file!("styles/page.css", STYLE),
    file!("styles/views.css", STYLE),
    file!("address.js", SCRIPT),
    file!("api.js", SCRIPT),
    file!("app.js", SCRIPT),
    file!("drafts.js", SCRIPT),
    file!("feed.js", SCRIPT),
    file!("format.js", SCRIPT),
    file!("listing.js", SCRIPT),
    file!("messages.js", SCRIPT),
    file!("notices.js", SCRIPT),
    file!("tasks.js", SCRIPT),
    file!("ui.js", SCRIPT),
    file!("parts/add.js", SCRIPT),
    file!("parts/bulk.js", SCRIPT),
    file!("parts/counts.js", SCRIPT),
    file!("parts/dependencies.js", SCRIPT),
    file!("parts/dialog.js", SCRIPT),
    file!("parts/edit.js", SCRIPT),
    file!("parts/facts.js", SCRIPT),
    file!("parts/fields.js", SCRIPT),
    file!("parts/filters.js", SCRIPT),
    file!("parts/remove.js", SCRIPT),
    file!("views/board.js", SCRIPT),
    file!("views/list.js", SCRIPT),
    file!("views/statistics.js", SCRIPT),
    file!("vendor/htm.js", SCRIPT),
    file!("vendor/preact-hooks.js", SCRIPT),
    file!("vendor/preact.js", SCRIPT),
];

/// Returns the files of the web UI.
pub fn assets() -> Vec<Asset> {
    FILES
        .iter()
        .map(|(path, media_type, content)| Asset {
            path: (*path).to_owned(),
            media_type: (*media_type).to_owned(),
            content: content.to_vec(),
        })
        .collect()
}
