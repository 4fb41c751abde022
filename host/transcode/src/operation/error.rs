//! Why a route cannot be bound to the function that it names.

use crate::interface::SignatureError;
use crate::size::{MAX_NODES, MAX_ROUTES, MAX_TEXT};
use crate::template::TemplateError;
use contract::{Method, Route};

/// Why a route cannot be served. The message is a sentence for the component's author.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("route {route}: {fault}")]
pub struct BindError {
    /// Method and path template.
    pub route: String,
    /// The mismatch.
    pub fault: BindFault,
}

/// A mismatch between a route and its function.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BindFault {
    /// The component does not export the function.
    #[error("the component exports no function {0}")]
    UnknownFunction(String),
    /// The function cannot be an operation.
    #[error("the function {function} cannot be an operation: {reason}")]
    Signature {
        /// The function.
        function: String,
        /// The reason.
        reason: SignatureError,
    },
    /// The path is not a valid template.
    #[error("its path is invalid: {0}")]
    Path(TemplateError),
    /// The path has a parameter that the function does not have.
    #[error("its path has a parameter {{{0}}}, but the function has no such parameter")]
    UnknownPathParameter(String),
    /// A path parameter is not a scalar.
    #[error("its path parameter {{{0}}} is not a number, a string, a bool, an enum or a datetime")]
    PathParameterType(String),
    /// A query parameter is neither a scalar nor a list of scalars.
    #[error(
        "{0} would come from the query, which can hold only scalars, lists of scalars, and options of either"
    )]
    QueryType(String),
    /// Two query parameters have the same name.
    #[error("two parameters would come from the query parameter {0}")]
    RepeatedQueryParameter(String),
    /// Of several parameters, more than one or none must be the body.
    #[error(
        "it is unclear which parameter is the body ({0}); make exactly one of them a record, or combine them in one record"
    )]
    AmbiguousBody(String),
    /// The success status is not a status of a success.
    #[error("its success status is {0}, but it must be from 200 to 299")]
    SuccessStatus(u16),
    /// The success status forbids a body, but the function returns one.
    #[error("its success status is {0}, which has no body, but the function returns one")]
    BodyWithoutContent(u16),
    /// A safe method has write access.
    #[error("{0} must have access read")]
    SafeMethodWrites(Method),
    /// The route names a member that the function's result does not have.
    #[error(
        "its {role} is the result's member {member}, but the function's result has no such member"
    )]
    UnknownMember {
        /// What the member is used for: `body`, `etag`, `next`, `location`.
        role: &'static str,
        /// The member.
        member: String,
    },
    /// The route names a member of the wrong type.
    #[error("its {role} is the result's member {member}, which is not {expected}")]
    MemberType {
        /// What the member is used for.
        role: &'static str,
        /// The member.
        member: String,
        /// The type that it must have.
        expected: &'static str,
    },
    /// The `Location` is not a valid template.
    #[error("its location is invalid: {0}")]
    Location(TemplateError),
    /// The route has a next page, but a request cannot ask for it.
    #[error("it has a next page, but the function has no query parameter cursor: option<string>")]
    NoCursor,
    /// The API has too many routes.
    #[error("an API can have {MAX_ROUTES} routes")]
    TooManyRoutes,
    /// The types of the API are too large.
    #[error(
        "with it, the API's types are too large: they may have {MAX_NODES} fields, cases and other parts, \
         and {} MiB of names and documentation; types without a name count wherever they are used",
        MAX_TEXT >> 20
    )]
    TypesTooLarge,
}

impl BindFault {
    /// Makes the error of a route.
    pub(super) fn on(self, route: &Route) -> BindError {
        // The path can be as long as the component chooses.
        let path: String = route.path.chars().take(200).collect();
        BindError {
            route: format!("{} {path}", route.method),
            fault: self,
        }
    }
}
