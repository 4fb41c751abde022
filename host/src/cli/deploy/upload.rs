//! The component's way to the host: read, named by its digest, sent if the host lacks it.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::cli::client::{self, Client, Upload};
use crate::cli::report::Report;
use crate::cli::{block_on, show};
use crate::failure::Failure;
use crate::oci::{self, Artifact};
use crate::signature_file;
use deployment::digest_of;

/// Characters of the progress bar.
const BAR: usize = 30;
/// How often the bar is drawn, at most.
const REDRAW: Duration = Duration::from_millis(50);

/// A component as it lies on this machine.
pub(super) struct Component {
    path: PathBuf,
    content: Bytes,
    pub(super) digest: String,
    /// In base64.
    signature: Option<String>,
}

impl Component {
    /// Reads a component, with the signature in `signature` or in the file beside it.
    pub(super) fn read(path: &Path, signature: Option<&Path>) -> Result<Self, Failure> {
        let content = std::fs::read(path).map_err(|error| {
            Failure::setting("FILE", format!("cannot read {}: {error}", path.display()))
        })?;
        let signature = signature_file::read(path, signature);
        let signature = signature.map_err(|reason| Failure::setting("--signature", reason))?;
        Ok(Component {
            path: path.to_owned(),
            digest: digest_of(&content),
            content: content.into(),
            signature: signature.map(|signature| BASE64_STANDARD.encode(signature)),
        })
    }

    /// Fetches a component from a registry, with the signature that it has there.
    pub(super) fn pull(reference: &str, registry: &oci::Args) -> Result<Self, Failure> {
        let artifact: Artifact = reference
            .parse()
            .map_err(|reason| Failure::setting("FILE", reason))?;
        let pulled = block_on(artifact.pull(registry))?;
        Ok(Component {
            path: reference.into(),
            digest: digest_of(&pulled.content),
            content: pulled.content.into(),
            signature: pulled.signature,
        })
    }

    /// Sends the component, unless the host has it with as good a signature.
    pub(super) async fn hand_over<W: Write>(
        &self,
        client: &Client,
        report: &mut Report<W>,
    ) -> Result<(), client::Error> {
        let size = self.content.len() as u64;
        report.say(&format!(
            "{} is {} ({}), for {}",
            self.path.display(),
            show::digest(&self.digest),
            show::size(size),
            client.base()
        ));
        let known = client.component(&self.digest).await?;
        if known.is_some_and(|known| known.signed || self.signature.is_none()) {
            report.done("upload", None, "the host has it already");
            return Ok(());
        }
        let began = Instant::now();
        let upload = Upload {
            content: self.content.clone(),
            digest: self.digest.clone(),
            signature: self.signature.clone(),
        };
        let bar = Bar::new(self.content.len());
        client.upload(upload, bar.shown()).await?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        report.done("upload", Some(took), &show::size(size));
        Ok(())
    }
}

/// How much has gone, on standard error where that is a terminal. Wiped when it is dropped.
struct Bar {
    total: usize,
    visible: bool,
}

impl Bar {
    fn new(total: usize) -> Self {
        Bar {
            total,
            visible: std::io::stderr().is_terminal(),
        }
    }

    /// Draws the bar, each time it is told how far it is.
    fn shown(&self) -> impl FnMut(usize) + Send + 'static {
        let (total, visible) = (self.total, self.visible);
        let mut drawn: Option<Instant> = None;
        move |sent| {
            let due = drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
            if visible && (due || sent == total) {
                eprint!("\r{}", bar(sent, total));
                drawn = Some(Instant::now());
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.visible {
            eprint!("\r\x1b[2K");
        }
    }
}

fn bar(sent: usize, total: usize) -> String {
    let share = sent as f64 / total.max(1) as f64;
    let full = (share * BAR as f64) as usize;
    let (done, open) = ("█".repeat(full), "░".repeat(BAR - full));
    let percent = share * 100.0;
    format!("  upload     {done}{open} {percent:3.0} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_full_when_all_has_gone() {
        assert_eq!(bar(0, 10), format!("  upload     {}   0 %", "░".repeat(30)));
        let half = format!("{}{}", "█".repeat(15), "░".repeat(15));
        assert_eq!(bar(5, 10), format!("  upload     {half}  50 %"));
        assert_eq!(
            bar(10, 10),
            format!("  upload     {} 100 %", "█".repeat(30))
        );
    }
}
