//! Events for clients, and lines of the log.

/// Publishes an event: what happened as `thing.verb`, what it happened to, and facts about it. Clients that follow
/// `GET /events` receive it if the transaction commits.
///
/// ```no_run
/// # let id = 1;
/// use task_host_sdk::prelude::*;
///
/// event!("bookmark.created", id);
/// event!("bookmark.moved", id, folder = "reading", position = 3);
/// ```
#[macro_export]
macro_rules! event {
    ($kind:expr, $subject:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::platform::Platform::publish(
            &mut $crate::platform::Host,
            &$crate::events::Event {
                kind: ::std::string::ToString::to_string(&$kind),
                subject: ::std::string::ToString::to_string(&$subject),
                attributes: ::std::vec![$((
                    ::std::string::ToString::to_string(stringify!($name)),
                    ::std::string::ToString::to_string(&$value),
                )),*],
            },
        )
    };
}

/// Writes a line to the log: its level, a message that makes sense alone, and facts as pairs. Put no text from users
/// into it.
///
/// ```no_run
/// # let id = 1;
/// use task_host_sdk::prelude::*;
///
/// log!(Info, "saved a bookmark", "bookmark.id" = id);
/// ```
#[macro_export]
macro_rules! log {
    ($level:ident, $message:expr $(, $name:literal = $value:expr)* $(,)?) => {
        $crate::platform::Platform::log(
            &mut $crate::platform::Host,
            $crate::log::Level::$level,
            ::std::convert::AsRef::<str>::as_ref(&$message),
            &[$((
                ::std::string::ToString::to_string($name),
                ::std::string::ToString::to_string(&$value),
            )),*],
        )
    };
}
