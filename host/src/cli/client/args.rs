//! The flags that several commands of the admin API share: the host, the token, and the shares of a
//! canary.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::failure::Failure;

/// The longest name that the host accepts for its history, in bytes.
const MAX_ACTOR_BYTES: usize = 100;

/// The host to talk to, and the token for it
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Host")]
pub(in crate::cli) struct Args {
    /// The address of the host's admin port
    #[arg(long, env = "TASK_HOST_ADMIN_URL", value_name = "URL",
        default_value = "http://127.0.0.1:9000", value_parser = base)]
    to: Url,

    #[command(flatten)]
    credentials: Credentials,
}

/// The token for a host, and the name in its history
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Host")]
pub(in crate::cli) struct Credentials {
    /// The host's admin token. Other users of this machine may see it on the command line, so
    /// prefer the environment variable or a file
    #[arg(
        long,
        env = "TASK_HOST_ADMIN_TOKEN",
        hide_env_values = true,
        conflicts_with = "token_file"
    )]
    token: Option<Token>,

    /// A file that contains the host's admin token
    #[arg(long, env = "TASK_HOST_ADMIN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Your name in the host's history
    #[arg(long, env = "USER", value_name = "NAME")]
    actor: Option<String>,
}

/// A secret, as the value of the `Authorization` header. `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Token(pub(super) HeaderValue);

impl Args {
    /// Names a host that no flag names.
    pub(in crate::cli) fn new(to: Url, credentials: Credentials) -> Self {
        Args { to, credentials }
    }

    pub(super) fn base(&self) -> Url {
        self.to.clone()
    }

    /// Returns the token from the flag or from the file.
    pub(super) fn token(&self) -> Result<Option<Token>, Failure> {
        let path = match (&self.credentials.token, &self.credentials.token_file) {
            (Some(token), _) => return Ok(Some(token.clone())),
            (None, Some(path)) => path,
            (None, None) => return Ok(None),
        };
        let failed = |reason: String| {
            Failure::setting("--token-file", format!("{}: {reason}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        text.trim().parse().map(Some).map_err(failed)
    }

    /// Returns the name for the host's history. `None` if the host would not accept the name: a
    /// missing name must not prevent a deployment.
    pub(super) fn actor(&self) -> Option<HeaderValue> {
        let name = self.credentials.actor.as_deref()?;
        let accepted = (1..=MAX_ACTOR_BYTES).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        accepted.then(|| HeaderValue::from_str(name).ok()).flatten()
    }
}

/// Parses the address to which paths are appended: without query and fragment, and with a slash at
/// the end.
pub(in crate::cli) fn base(text: &str) -> Result<Url, String> {
    let mut url: Url = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(
            "give an address such as http://127.0.0.1:9000. The admin port speaks plain HTTP; \
             reach it from another machine through a tunnel such as kubectl port-forward, or by \
             HTTPS through a proxy"
                .to_owned(),
        );
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Parses a canary's share of the clients, in percent: `10%` or `10`, above 0 and below 100.
pub(in crate::cli) fn canary_percent(text: &str) -> Result<f64, String> {
    let text = text.trim();
    text.strip_suffix('%')
        .unwrap_or(text)
        .trim()
        .parse()
        .ok()
        .filter(|percent| *percent > 0.0 && *percent < 100.0)
        .ok_or_else(|| "give a percentage above 0 and below 100, such as 10%".to_owned())
}

/// The shares of a canary, in percent, in the order in which it gets them: one or more.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Shares {
    /// The share that it begins with.
    pub(in crate::cli) first: f64,
    /// The shares that follow, each larger than the one before it.
    pub(in crate::cli) later: Vec<f64>,
}

impl FromStr for Shares {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shares: Vec<f64> = text
            .split(',')
            .map(canary_percent)
            .collect::<Result<_, _>>()?;
        if !shares.is_sorted_by(|before, share| before < share) {
            return Err("give each step a larger share than the one before it".to_owned());
        }
        let first = shares[0];
        Ok(Shares {
            first,
            later: shares[1..].to_vec(),
        })
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "a token has at least one character, and only visible ASCII characters".to_owned(),
            );
        }
        let value = HeaderValue::from_str(&format!("Bearer {text}"));
        let mut value = value.map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        Ok(Token(value))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
