//! The routes of a revision: bound to the component's functions, and matched by their paths.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::texts;
use crate::rejection::Rejection;
use contract::RESERVED_PATHS;
use contract::{Asset, Description, Method};
use request::Template;
use transcode::{Interface, Operation};

/// A description's routes, bound to the functions that they name.
pub(super) struct Bound {
    /// The operations, in the order of the routes.
    pub(super) operations: Vec<Operation>,
    /// The paths.
    pub(super) router: matchit::Router<Template>,
}

/// Checks that a component's description fits its own types and the host's paths, as far as that is
/// possible without a database. Returns its operations in the order of the routes.
///
/// # Errors
/// Returns the [`Rejection`] with which a deployment would fail.
pub fn check_description(
    interface: &Interface,
    description: &Description,
    assets: &[Asset],
) -> Result<Vec<Operation>, Rejection> {
    bind(interface, description, assets).map(|bound| bound.operations)
}

/// Binds the routes to the component's functions, and checks the paths against each other.
///
/// # Errors
/// Returns a [`Rejection`] for each route, path or asset that cannot be served.
pub(super) fn bind(
    interface: &Interface,
    description: &Description,
    assets: &[Asset],
) -> Result<Bound, Rejection> {
    // The reasons of all other rejections quote these texts.
    texts::check(description, assets)?;
    let mut rejections = Vec::new();
    let constrained = interface.constrained(&description.constraints);
    let constrained = constrained.unwrap_or_else(|faults| {
        rejections.push(Rejection::from(faults));
        interface.clone()
    });
    let operations = Operation::bind_all(&constrained, &description.routes);
    let operations = operations.unwrap_or_else(|errors| {
        rejections.extend(errors.into_iter().map(Rejection::from));
        Vec::new()
    });
    let router = build_router(description, &mut rejections);
    check_assets(assets, description, &mut rejections);
    Rejection::unless_empty(rejections)?;
    Ok(Bound { operations, router })
}

/// Builds the router of a description's routes.
///
/// # Errors
/// Returns a [`Rejection`] for each path that cannot be served, or that conflicts with an earlier
/// one.
pub fn router(description: &Description) -> Result<matchit::Router<Template>, Rejection> {
    let mut rejections = Vec::new();
    let router = build_router(description, &mut rejections);
    Rejection::unless_empty(rejections)?;
    Ok(router)
}

fn build_router(
    description: &Description,
    rejections: &mut Vec<Rejection>,
) -> matchit::Router<Template> {
    let mut templates: Vec<Template> = Vec::new();
    // The positions of the templates, by their shapes.
    let mut positions = HashMap::new();
    for (index, route) in description.indexed_routes() {
        if is_reserved(&route.path) {
            rejections.push(Rejection::PathReserved {
                path: route.path.clone(),
            });
            continue;
        }
        match positions.entry(shape(&route.path)) {
            Entry::Vacant(entry) => {
                entry.insert(templates.len());
                templates.push(Template {
                    path: route.path.clone(),
                    methods: vec![(route.method, index)],
                });
            }
            Entry::Occupied(entry) => {
                let template = &mut templates[*entry.get()];
                let mut methods = template.methods.iter();
                if methods.any(|(method, _)| *method == route.method) {
                    rejections.push(Rejection::RouteTwice {
                        method: route.method.to_string(),
                        path: route.path.clone(),
                    });
                } else if template.path != route.path {
                    // The parameters of all methods bind by the names in one template.
                    rejections.push(Rejection::PathAmbiguous {
                        path: route.path.clone(),
                        other: template.path.clone(),
                    });
                } else {
                    template.methods.push((route.method, index));
                }
            }
        }
    }
    let mut router = matchit::Router::new();
    for template in templates {
        let path = template.path.clone();
        if let Err(error) = router.insert(&path, template) {
            let other = error.to_string();
            rejections.push(Rejection::PathAmbiguous { path, other });
        }
    }
    router
}

/// Checks the paths of the web UI's files.
fn check_assets(assets: &[Asset], description: &Description, rejections: &mut Vec<Rejection>) {
    let routes = description.routes.iter();
    let routes = routes.filter(|route| route.method == Method::Get);
    let answered: HashSet<&str> = routes.map(|route| route.path.as_str()).collect();
    let mut earlier = HashSet::new();
    for asset in assets {
        let path = asset.path.clone();
        let reason = if is_reserved(&path) {
            rejections.push(Rejection::PathReserved { path });
            continue;
        } else if !path.starts_with('/') || path.contains(['{', '}', '?', '#']) {
            "a path begins with / and has no template or query"
        } else if !earlier.insert(asset.path.as_str()) {
            "there are two of this path"
        } else if answered.contains(asset.path.as_str()) {
            "a route answers GET there"
        } else {
            continue;
        };
        rejections.push(Rejection::Asset { path, reason });
    }
}

fn is_reserved(path: &str) -> bool {
    RESERVED_PATHS.iter().any(|kept| {
        path.strip_prefix(kept)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Returns a template without the names of its parameters. Two templates of one shape match the
/// same paths.
fn shape(path: &str) -> String {
    path.split('/')
        .map(|segment| {
            if segment.starts_with('{') {
                "{}"
            } else {
                segment
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::{Rejection, router};
    use contract::deployment::Reason;
    use contract::{Access, Description, Method, Route, RouteIndex};

    fn description(routes: &[(Method, &str)]) -> Description {
        let route = |(method, path): &(Method, &str)| Route {
            method: *method,
            path: (*path).into(),
            operation: "test:test/test#test".into(),
            access: Access::Read,
            success: 200,
            location: None,
            body: None,
            etag: None,
            next: None,
        };
        Description {
            name: "test".into(),
            version: "1".into(),
            routes: routes.iter().map(route).collect(),
            migrations: Vec::new(),
            constraints: Vec::new(),
        }
    }

    #[test]
    fn routes_of_one_path_share_a_template() {
        let routes = [
            (Method::Get, "/a/{id}"),
            (Method::Put, "/a/{id}"),
            (Method::Get, "/a/b"),
        ];
        let router = router(&description(&routes)).unwrap();
        let matched = router.at("/a/7").unwrap();
        let of = |method, position| (method, RouteIndex::new(position));
        let expected = [of(Method::Get, 0), of(Method::Put, 1)];
        assert_eq!(matched.value.methods, expected);
        assert_eq!(matched.params.get("id"), Some("7"));
        let expected = [of(Method::Get, 2)];
        assert_eq!(router.at("/a/b").unwrap().value.methods, expected);
    }

    #[test]
    fn equal_routes_ambiguous_paths_and_reserved_paths_are_rejected() {
        let rejected = |routes: &[(Method, &str)]| {
            let rejection = router(&description(routes)).err().unwrap();
            rejection.code()
        };
        let twice = [(Method::Get, "/a/{id}"), (Method::Get, "/a/{id}")];
        assert_eq!(rejected(&twice), Reason::RouteTwice);
        let names = [(Method::Get, "/a/{id}"), (Method::Put, "/a/{name}")];
        assert_eq!(rejected(&names), Reason::PathAmbiguous);
        for path in ["/health", "/docs/x", "/openapi.json"] {
            assert_eq!(rejected(&[(Method::Get, path)]), Reason::PathReserved);
        }
        assert!(router(&description(&[(Method::Get, "/healthy")])).is_ok());
    }

    #[test]
    fn a_rejection_names_the_path() {
        let error: Rejection = router(&description(&[(Method::Get, "/livez")]))
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "/livez is a path that the host keeps for itself"
        );
    }
}
