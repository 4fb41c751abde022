//! The flags that every command of an operator takes: which host, and by what right.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::failure::Failure;

/// The longest name that the host takes for its history.
const LONGEST_ACTOR: usize = 100;

/// Which host, and by what right
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Host")]
pub(in crate::cli) struct Args {
    /// The host's operators' port
    #[arg(long, env = "TASK_HOST_ADMIN_URL", value_name = "URL",
        default_value = "http://127.0.0.1:9000", value_parser = base)]
    to: Url,

    /// The host's admin token. Other users of this machine may see it on the command line:
    /// prefer the environment, or a file
    #[arg(
        long,
        env = "TASK_HOST_ADMIN_TOKEN",
        hide_env_values = true,
        conflicts_with = "token_file"
    )]
    token: Option<Token>,

    /// A file with the host's admin token
    #[arg(long, env = "TASK_HOST_ADMIN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Who you are, for the host's history
    #[arg(long, env = "USER", value_name = "NAME")]
    actor: Option<String>,
}

/// A secret, as the header that carries it. It shows itself to nobody.
#[derive(Clone)]
pub(super) struct Token(pub(super) HeaderValue);

impl Args {
    pub(super) fn base(&self) -> Url {
        self.to.clone()
    }

    /// The token that was given, or that the file holds.
    pub(super) fn token(&self) -> Result<Option<Token>, Failure> {
        let path = match (&self.token, &self.token_file) {
            (Some(token), _) => return Ok(Some(token.clone())),
            (None, Some(path)) => path,
            (None, None) => return Ok(None),
        };
        let wrong = |reason: String| {
            Failure::setting("--token-file", format!("{}: {reason}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        text.trim().parse().map(Some).map_err(wrong)
    }

    /// The name as the host takes it; none where it would be refused: the history then lacks a
    /// name, which is no reason not to deploy.
    pub(super) fn actor(&self) -> Option<HeaderValue> {
        let name = self.actor.as_deref()?;
        let fits = (1..=LONGEST_ACTOR).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        fits.then(|| HeaderValue::from_str(name).ok()).flatten()
    }
}

/// The address that paths are appended to.
fn base(text: &str) -> Result<Url, String> {
    let mut url: Url = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(
            "give an address such as http://127.0.0.1:9000; the operators' port speaks plain \
             http, and is reached from elsewhere by a tunnel such as kubectl port-forward, or \
             by https through a proxy"
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

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is visible ASCII characters, at least one".to_owned());
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
