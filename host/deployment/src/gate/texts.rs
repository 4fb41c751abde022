//! The texts that a component states about itself. They reach terminals, logs, metrics and pages,
//! so they must not be able to forge what people see there.

use crate::rejection::{Rejection, TextFault};
use contract::text::is_deceptive;
use contract::{Asset, Description};

/// Maximum size of one text, in bytes.
const MAX_BYTES: usize = 1000;

/// Checks the names, versions, paths and other short texts of a component. SQL and the contents of
/// files are not among them.
///
/// # Errors
/// Returns [`Rejection::Text`] for each text that cannot be shown.
pub(super) fn check(description: &Description, assets: &[Asset]) -> Result<(), Rejection> {
    let mut rejections = Vec::new();
    let mut check_text = |what: &str, text: &str| rejections.extend(fault_of(what, text));
    check_text("the service's name", &description.name);
    check_text("the version", &description.version);
    for (number, route) in (1..).zip(&description.routes) {
        let what = |member: &str| format!("the {member} of route {number}");
        check_text(&what("path"), &route.path);
        check_text(&what("operation"), &route.operation);
        for (member, text) in [
            ("location", &route.location),
            ("body", &route.body),
            ("etag", &route.etag),
            ("next", &route.next),
        ] {
            check_text(&what(member), text.as_deref().unwrap_or_default());
        }
    }
    for (number, migration) in (1..).zip(&description.migrations) {
        check_text(&format!("the name of migration {number}"), &migration.name);
    }
    for (number, constraint) in (1..).zip(&description.constraints) {
        let what = |member: &str| format!("the {member} of constraint {number}");
        check_text(&what("place"), &constraint.place);
        for (member, text) in [
            ("pattern", &constraint.bounds.pattern),
            ("format", &constraint.bounds.format),
            ("message", &constraint.message),
        ] {
            check_text(&what(member), text.as_deref().unwrap_or_default());
        }
    }
    for (number, asset) in (1..).zip(assets) {
        check_text(&format!("the path of asset {number}"), &asset.path);
        check_text(
            &format!("the media type of asset {number}"),
            &asset.media_type,
        );
    }
    Rejection::unless_empty(rejections)
}

fn fault_of(what: &str, text: &str) -> Option<Rejection> {
    let fault = match text.chars().find(|character| is_deceptive(*character)) {
        Some(character) => TextFault::Character(u32::from(character)),
        None if text.len() > MAX_BYTES => TextFault::TooLong(MAX_BYTES),
        None => return None,
    };
    Some(Rejection::Text {
        what: what.to_owned(),
        fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{Access, Method, Migration, Route};

    fn description() -> Description {
        Description {
            name: "tasks".into(),
            version: "1.0.0".into(),
            routes: vec![Route {
                method: Method::Get,
                path: "/tasks/{id}".into(),
                operation: "tasks:api/tasks#get".into(),
                access: Access::Read,
                success: 200,
                location: None,
                body: None,
                etag: None,
                next: None,
            }],
            migrations: vec![Migration {
                name: "0001-tasks".into(),
                sqlite: "create table t (\n\tid integer)".into(),
                postgres: String::new(),
            }],
            constraints: Vec::new(),
        }
    }

    fn asset() -> Asset {
        Asset {
            path: "/index.html".into(),
            media_type: "text/html".into(),
            content: b"\x1b[31m\n".to_vec(),
        }
    }

    fn reason(description: &Description, asset: Asset) -> String {
        let error = check(description, &[asset]).expect_err("accepted");
        assert_eq!(error.code().as_str(), "text-unfit");
        error.to_string()
    }

    #[test]
    fn sql_and_files_may_have_lines() {
        assert!(check(&description(), &[asset()]).is_ok());
    }

    #[test]
    fn every_text_is_checked_and_the_reason_names_it() {
        type Change = fn(&mut Description, &mut Asset);
        let changes: [(&str, Change); 10] = [
            ("the service's name", |d, _| d.name.push('\u{1b}')),
            ("the version", |d, _| d.version.push('\n')),
            ("the path of route 1", |d, _| {
                d.routes[0].path.push('\u{9b}')
            }),
            ("the operation of route 1", |d, _| {
                d.routes[0].operation.push('\u{7f}')
            }),
            ("the location of route 1", |d, _| {
                d.routes[0].location = Some("\r".into())
            }),
            ("the body of route 1", |d, _| {
                d.routes[0].body = Some("\u{2028}".into())
            }),
            ("the etag of route 1", |d, _| {
                d.routes[0].etag = Some("\u{202e}".into())
            }),
            ("the name of migration 1", |d, _| {
                d.migrations[0].name.push('\u{2066}')
            }),
            ("the path of asset 1", |_, a| a.path.push('\0')),
            ("the media type of asset 1", |_, a| {
                a.media_type.push('\u{85}')
            }),
        ];
        for (what, change) in changes {
            let (mut description, mut asset) = (description(), asset());
            change(&mut description, &mut asset);
            let reason = reason(&description, asset);
            assert!(reason.starts_with(what), "{reason}");
            assert!(!reason.contains(is_deceptive), "{reason:?}");
        }
    }

    #[test]
    fn a_long_text_is_refused() {
        let mut long = description();
        long.name = "n".repeat(1001);
        assert!(reason(&long, asset()).contains("1000 bytes"));
    }
}
