//! Why a route does not fit the component that names it.

use crate::interface::SignatureError;
use crate::template::TemplateError;
use contract::Method;

/// Why a route cannot be served. Displays as a sentence for the component's author.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("route {route}: {fault}")]
pub struct BindError {
    /// Method and path template.
    pub route: String,
    /// What does not fit.
    pub fault: BindFault,
}

/// What does not fit between a route and its function.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BindFault {
    /// The component exports no such function.
    #[error("the component exports no function {0}")]
    UnknownFunction(String),
    /// The function cannot be an operation.
    #[error("the function {function} cannot be an operation: {reason}")]
    Signature {
        /// The function.
        function: String,
        /// Why.
        reason: SignatureError,
    },
    /// The path is no template.
    #[error("its path is wrong: {0}")]
    Path(TemplateError),
    /// The path has a parameter that the function has not.
    #[error("its path has a parameter {{{0}}}, which the function does not take")]
    UnknownPathParameter(String),
    /// A path parameter is more than one word of text.
    #[error("its path parameter {{{0}}} is not a number, a string, a bool, an enum or a datetime")]
    PathParameterType(String),
    /// A query parameter is neither a scalar nor a list of scalars.
    #[error(
        "{0} would come from the query, which holds only scalars, lists of scalars, and options of either"
    )]
    QueryType(String),
    /// Two query parameters have one name.
    #[error("two parameters would come from the query parameter {0}")]
    RepeatedQueryParameter(String),
    /// More than one parameter, or none of several, could be the body.
    #[error(
        "which parameter takes the body is unclear ({0}); make one a record, or join them in one record"
    )]
    AmbiguousBody(String),
    /// The success status is none.
    #[error("its success status is {0}, not from 200 to 299")]
    SuccessStatus(u16),
    /// The success status forbids a body and the function returns one.
    #[error("its success status is {0}, which has no body, and the function returns one")]
    BodyWithoutContent(u16),
    /// A safe method that may write.
    #[error("{0} must have access read")]
    SafeMethodWrites(Method),
    /// The route names a member that the function's result has not.
    #[error("its {role} is the result's member {member}, which the function's result has not")]
    UnknownMember {
        /// What the member is for: `body`, `etag`, `next`, `location`.
        role: &'static str,
        /// The member.
        member: String,
    },
    /// The route names a member of the wrong type.
    #[error("its {role} is the result's member {member}, which is not {expected}")]
    MemberType {
        /// What the member is for.
        role: &'static str,
        /// The member.
        member: String,
        /// The type that it must have.
        expected: &'static str,
    },
    /// The `Location` is no template.
    #[error("its location is wrong: {0}")]
    Location(TemplateError),
    /// Pages follow each other, but no request can name one.
    #[error("it has a next page, and the function takes no query parameter cursor: option<string>")]
    NoCursor,
}
