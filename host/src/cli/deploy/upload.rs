//! The component to deploy: reads or pulls it, computes its digest, and uploads it unless the host
//! already has it.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::cli::client::{self, Client, Upload};
use crate::cli::output::format;
use crate::cli::output::report::Report;
use crate::cli::process::block_on;
use crate::failure::Failure;
use crate::oci::{self, Artifact};
use crate::signature_file;
use contract::digest;

/// Width of the progress bar, in columns.
const BAR: usize = 30;
/// The shortest time between two drawings of the progress bar.
const REDRAW_INTERVAL: Duration = Duration::from_millis(50);

/// A component on this machine.
pub(in crate::cli) struct Component {
    /// The file or the reference that it was read from.
    source: PathBuf,
    content: Bytes,
    /// SHA-256 in hex.
    pub(in crate::cli) digest: String,
    /// In base64.
    signature: Option<String>,
}

impl Component {
    /// Reads a component from a file. Its signature is read from `signature`, or by default from
    /// the file beside the component.
    pub(in crate::cli) fn read(path: &Path, signature: Option<&Path>) -> Result<Self, Failure> {
        let content = std::fs::read(path).map_err(|error| {
            Failure::setting("FILE", format!("cannot read {}: {error}", path.display()))
        })?;
        let signature = signature_file::read(path, signature);
        let signature = signature.map_err(|reason| Failure::setting("--signature", reason))?;
        Ok(Component {
            source: path.to_owned(),
            digest: digest::sha256(&content),
            content: content.into(),
            signature: signature.map(|signature| BASE64_STANDARD.encode(signature)),
        })
    }

    /// Pulls a component from a registry, with its signature if it was published with one.
    pub(in crate::cli) fn pull(reference: &str, registry: &oci::Args) -> Result<Self, Failure> {
        let artifact: Artifact = reference
            .parse()
            .map_err(|reason| Failure::setting("FILE", reason))?;
        let pulled = block_on(artifact.pull(registry))?;
        Ok(Component {
            source: reference.into(),
            digest: digest::sha256(&pulled.content),
            content: pulled.content.into(),
            signature: pulled.signature,
        })
    }

    /// Uploads the component, unless the host already has it and needs no signature from this
    /// upload.
    pub(in crate::cli) async fn upload<W: Write>(
        &self,
        client: &Client,
        report: &mut Report<W>,
    ) -> Result<(), client::Error> {
        let size = self.content.len() as u64;
        report.message(&format!(
            "{} is {} ({}), for {}",
            self.source.display(),
            format::digest(&self.digest),
            format::size(size),
            client.base()
        ));
        let known = client.component(&self.digest).await?;
        if known.is_some_and(|known| known.signed || self.signature.is_none()) {
            report.step("upload", None, "the host already has it");
            return Ok(());
        }
        let began = Instant::now();
        let upload = Upload {
            content: self.content.clone(),
            digest: self.digest.clone(),
            signature: self.signature.clone(),
        };
        let bar = ProgressBar::new(self.content.len());
        client.upload(upload, bar.drawer()).await?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        report.step("upload", Some(took), &format::size(size));
        Ok(())
    }
}

/// The progress of an upload, on standard error if that is a terminal. Dropping it clears the line.
struct ProgressBar {
    total: usize,
    visible: bool,
}

impl ProgressBar {
    fn new(total: usize) -> Self {
        ProgressBar {
            total,
            visible: std::io::stderr().is_terminal(),
        }
    }

    /// Returns a function that draws the bar for a number of bytes sent.
    fn drawer(&self) -> impl FnMut(usize) + Send + 'static {
        let (total, visible) = (self.total, self.visible);
        let mut drawn: Option<Instant> = None;
        move |sent| {
            let due = drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW_INTERVAL);
            if visible && (due || sent == total) {
                draw(&bar(sent, total));
                drawn = Some(Instant::now());
            }
        }
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        if self.visible {
            draw("\x1b[2K");
        }
    }
}

/// Writes to the start of the terminal's line. If the terminal is gone, the upload goes on.
fn draw(text: &str) {
    let _ = write!(std::io::stderr(), "\r{text}");
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
    fn the_bar_is_full_when_everything_is_sent() {
        assert_eq!(bar(0, 10), format!("  upload     {}   0 %", "░".repeat(30)));
        let half = format!("{}{}", "█".repeat(15), "░".repeat(15));
        assert_eq!(bar(5, 10), format!("  upload     {half}  50 %"));
        assert_eq!(
            bar(10, 10),
            format!("  upload     {} 100 %", "█".repeat(30))
        );
    }
}
