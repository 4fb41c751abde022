//! The tools of one revision, in the form in which agents get them.

use std::sync::Arc;

use rmcp::model;

use contract::{Access, Method};
use request::Revision;
use transcode::Tool;

/// What every service says to agents, after what its WIT says.
const ABOUT_HOST: &str = "Every call is one transaction: it is carried out completely or not at all. Tools that \
    write take `dry_run: true`: everything is checked and the result is the usual one, but nothing is kept. A \
    call that fails has changed nothing, unless its error says otherwise; `errors` then points to each \
    argument that is wrong.";

/// The tools of one revision.
pub(in crate::mcp) struct Entry {
    pub(in crate::mcp) tool: Tool,
    /// What agents see of it.
    pub(in crate::mcp) listed: model::Tool,
    pub(in crate::mcp) method: Method,
    pub(in crate::mcp) is_read: bool,
}

/// The tools of one revision, and what it says of itself.
pub(crate) struct Toolbox {
    pub(in crate::mcp) entries: Vec<Entry>,
    pub(in crate::mcp) instructions: String,
}

impl Toolbox {
    pub(crate) fn new(revision: &Revision) -> Toolbox {
        let said = transcode::instructions(&revision.operations);
        let entries = transcode::tools(&revision.operations).into_iter();
        Toolbox {
            entries: entries.map(|tool| Entry::new(tool, revision)).collect(),
            instructions: match said.is_empty() {
                true => ABOUT_HOST.to_owned(),
                false => format!("{said}\n\n{ABOUT_HOST}"),
            },
        }
    }

    /// The tools that an agent may use.
    pub(in crate::mcp) fn offered(&self, read_only: bool) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.iter();
        entries.filter(move |entry| entry.is_read || !read_only)
    }
}

impl Entry {
    fn new(tool: Tool, revision: &Revision) -> Entry {
        let route = revision.description.route(tool.route);
        let is_read = route.access == Access::Read;
        let hints = model::ToolAnnotations::new()
            .read_only(is_read)
            .destructive(route.method == Method::Delete)
            .idempotent(is_read || matches!(route.method, Method::Put | Method::Delete))
            .open_world(false);
        let mut listed = model::Tool::new(
            tool.name.clone(),
            tool.description.clone(),
            Arc::new(tool.input_schema.clone()),
        )
        .with_title(tool.title.clone())
        .with_annotations(hints);
        if let Some(schema) = &tool.output_schema {
            listed = listed.with_raw_output_schema(Arc::new(schema.clone()));
        }
        Entry {
            method: route.method,
            is_read,
            listed,
            tool,
        }
    }
}
