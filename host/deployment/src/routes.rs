//! The paths of a revision: templates to operations, and what the host keeps for itself.

use super::Refused;
use contract::RESERVED_PATHS;
use contract::{Asset, Description, Method};
use request::Template;

/// Makes the router of a description's routes.
///
/// # Errors
/// [`Refused`] names the first path that cannot be served, or not beside another.
pub fn router(description: &Description) -> Result<matchit::Router<Template>, Refused> {
    let mut templates: Vec<Template> = Vec::new();
    for (index, route) in description.indexed_routes() {
        refuse_reserved(&route.path)?;
        let same = |template: &&mut Template| shape(&template.path) == shape(&route.path);
        match templates.iter_mut().find(same) {
            None => templates.push(Template {
                path: route.path.clone(),
                methods: vec![(route.method, index)],
            }),
            Some(template) => {
                if template
                    .methods
                    .iter()
                    .any(|(method, _)| *method == route.method)
                {
                    return Err(Refused::RouteTwice {
                        method: route.method.to_string(),
                        path: route.path.clone(),
                    });
                }
                // Each method's parameters bind by the names of one template.
                if template.path != route.path {
                    return Err(Refused::PathAmbiguous {
                        path: route.path.clone(),
                        other: template.path.clone(),
                    });
                }
                template.methods.push((route.method, index));
            }
        }
    }
    let mut router = matchit::Router::new();
    for template in templates {
        let path = template.path.clone();
        router
            .insert(&path, template)
            .map_err(|error| Refused::PathAmbiguous {
                path,
                other: error.to_string(),
            })?;
    }
    Ok(router)
}

/// Checks the paths of the web UI's files.
pub(super) fn check_assets(assets: &[Asset], description: &Description) -> Result<(), Refused> {
    for (index, asset) in assets.iter().enumerate() {
        refuse_reserved(&asset.path)?;
        let refused = |reason| {
            Err(Refused::Asset {
                path: asset.path.clone(),
                reason,
            })
        };
        if !asset.path.starts_with('/') || asset.path.contains(['{', '}', '?', '#']) {
            return refused("a path begins with / and has no template or query");
        }
        if assets[..index].iter().any(|other| other.path == asset.path) {
            return refused("there are two of this path");
        }
        let shadowed =
            |route: &&contract::Route| route.method == Method::Get && route.path == asset.path;
        if description.routes.iter().any(|route| shadowed(&route)) {
            return refused("a route answers GET there");
        }
    }
    Ok(())
}

fn refuse_reserved(path: &str) -> Result<(), Refused> {
    let reserved = RESERVED_PATHS.iter().any(|kept| {
        path.strip_prefix(kept)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if reserved {
        return Err(Refused::PathReserved {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// A template without its parameters' names: two of one shape match the same paths.
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
    use super::{Refused, router};
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
    fn equal_routes_other_names_and_reserved_paths_are_refused() {
        let refused =
            |routes: &[(Method, &str)]| router(&description(routes)).err().unwrap().code();
        let twice = [(Method::Get, "/a/{id}"), (Method::Get, "/a/{id}")];
        assert_eq!(refused(&twice), "route-twice");
        let names = [(Method::Get, "/a/{id}"), (Method::Put, "/a/{name}")];
        assert_eq!(refused(&names), "path-ambiguous");
        for path in ["/health", "/docs/x", "/openapi.json"] {
            assert_eq!(refused(&[(Method::Get, path)]), "path-reserved");
        }
        assert!(router(&description(&[(Method::Get, "/healthy")])).is_ok());
    }

    #[test]
    fn a_refusal_names_the_path() {
        let error: Refused = router(&description(&[(Method::Get, "/livez")]))
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "/livez is a path that the host keeps for itself"
        );
    }
}
