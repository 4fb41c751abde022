//! What HTTP serves of one revision: its label, its web UI's files, its OpenAPI document
//! and its tools for agents.
//!
//! [`Surfaces`] has one [`Surface`] for each revision that serves, made at the revision's first
//! request. Every request looks its surface up, so a lookup takes no lock: it reads a short list
//! that is replaced as a whole. A revision that was freed is removed from the list by the next
//! request.

use std::collections::HashMap;
use std::ptr;
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;

use super::config::Config;
use super::file::File;
use super::mcp::Toolbox;
use super::openapi;
use contract::RouteIndex;
use request::Revision;

const REVISION: HeaderName = HeaderName::from_static("task-host-revision");

/// The surfaces of the revisions that serve: the active one, a candidate, and those that are
/// finishing their requests.
#[derive(Default)]
pub(super) struct Surfaces(ArcSwap<Vec<Entry>>);

#[derive(Clone)]
struct Entry {
    /// Weak, because the list must not keep a revision in memory. As long as this exists, no other
    /// revision can have the same address.
    revision: Weak<Revision>,
    surface: Arc<Surface>,
}

impl Entry {
    fn is_of(&self, revision: &Arc<Revision>) -> bool {
        ptr::eq(self.revision.as_ptr(), Arc::as_ptr(revision))
    }

    fn is_freed(&self) -> bool {
        self.revision.strong_count() == 0
    }
}

impl Surfaces {
    /// Returns the surface of a revision.
    pub(super) fn of(&self, revision: &Arc<Revision>) -> Arc<Surface> {
        let entries = self.0.load();
        let known = entries.iter().find(|entry| entry.is_of(revision));
        match known {
            Some(known) if !entries.iter().any(Entry::is_freed) => known.surface.clone(),
            _ => self.update(revision),
        }
    }

    /// Adds a revision that is not in the list, and removes those that were freed.
    fn update(&self, revision: &Arc<Revision>) -> Arc<Surface> {
        // If several first requests come here at the same time, one of these surfaces is kept.
        let mut surface = Arc::new(Surface::new(revision));
        self.0.rcu(|entries| {
            let mut entries = Vec::clone(entries);
            entries.retain(|entry| !entry.is_freed());
            match entries.iter().find(|entry| entry.is_of(revision)) {
                Some(known) => surface = known.surface.clone(),
                None => entries.push(Entry {
                    revision: Arc::downgrade(revision),
                    surface: surface.clone(),
                }),
            }
            entries
        });
        surface
    }
}

/// What HTTP serves of one revision.
pub(super) struct Surface {
    /// The first 12 hex digits of the revision's digest: its label in metrics.
    pub(super) label: Arc<str>,
    /// The label as the `Task-Host-Revision` header.
    header: HeaderValue,
    /// The path template of each route, which is its label in metrics.
    templates: Vec<Arc<str>>,
    /// The web UI's files by path. Made when a file is first asked for, so that requests to
    /// operations do not wait for it.
    assets: OnceLock<HashMap<String, File>>,
    /// Made when it is first asked for.
    openapi: OnceLock<File>,
    /// Made when an agent first asks.
    toolbox: OnceLock<Toolbox>,
}

impl Surface {
    fn new(revision: &Revision) -> Surface {
        let digest = revision.digest.get(..12).unwrap_or(&revision.digest);
        let templates = revision.description.routes.iter();
        Surface {
            label: digest.into(),
            header: HeaderValue::from_str(digest).expect("a digest is hex digits"),
            templates: templates.map(|route| route.path.as_str().into()).collect(),
            assets: OnceLock::new(),
            openapi: OnceLock::new(),
            toolbox: OnceLock::new(),
        }
    }

    /// The path template of a route.
    pub(super) fn template(&self, route: RouteIndex) -> Arc<str> {
        self.templates.get(route.get()).cloned().unwrap_or_default()
    }

    /// Adds the header that names the revision.
    pub(super) fn sign(&self, response: &mut Response) {
        response.headers_mut().insert(REVISION, self.header.clone());
    }

    /// The file of the web UI at a path.
    pub(super) fn asset(&self, revision: &Revision, path: &str) -> Option<&File> {
        let assets = self.assets.get_or_init(|| {
            let assets = revision.assets.iter();
            let files = assets.map(|asset| {
                let content = Bytes::copy_from_slice(&asset.content);
                (asset.path.clone(), File::new(content, &asset.media_type))
            });
            files.collect()
        });
        assets.get(path)
    }

    /// The tools of the revision.
    pub(super) fn toolbox(&self, revision: &Revision) -> &Toolbox {
        self.toolbox.get_or_init(|| Toolbox::new(revision))
    }

    /// The OpenAPI document of the revision, with the host's own paths.
    pub(super) fn openapi(&self, revision: &Revision, config: &Config) -> &File {
        self.openapi.get_or_init(|| {
            let prefix = config.public_path.prefix();
            let metrics = config.public_metrics;
            let document = openapi::with_host_paths(&revision.openapi, prefix, metrics);
            File::new(document.to_string().into(), "application/json")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::revision;

    #[test]
    fn each_revision_keeps_its_surface_until_it_is_freed() {
        let surfaces = Surfaces::default();
        let (old, new) = (Arc::new(revision()), Arc::new(revision()));
        let of_old = surfaces.of(&old);
        let of_new = surfaces.of(&new);
        assert!(!Arc::ptr_eq(&of_old, &of_new));
        assert!(Arc::ptr_eq(&of_old, &surfaces.of(&old)));
        let in_list = Arc::downgrade(&of_old);
        drop((old, of_old));
        assert!(Arc::ptr_eq(&of_new, &surfaces.of(&new)));
        assert!(in_list.upgrade().is_none(), "it is still in the list");
    }

    #[test]
    fn first_requests_at_the_same_time_share_one_surface() {
        let surfaces = Surfaces::default();
        let revision = Arc::new(revision());
        let found: Vec<Arc<Surface>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| surfaces.of(&revision)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let kept = surfaces.of(&revision);
        assert!(found.iter().all(|surface| Arc::ptr_eq(surface, &kept)));
    }
}
