//! The component to deploy: reads or pulls it, computes its digest, and uploads it unless the host
//! already has it.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;

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
        let stderr = std::io::stderr();
        let bar = ProgressBar::new(self.content.len(), stderr.is_terminal().then_some(stderr));
        let uploaded = client.upload(upload, bar.drawer()).await;
        // The next message needs an empty line.
        drop(bar);
        uploaded?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        report.step("upload", Some(took), &format::size(size));
        Ok(())
    }
}

/// The progress of an upload, on a terminal if there is one. Dropping it clears the line.
struct ProgressBar<T: Write> {
    total: usize,
    /// Shared with the drawer, which the connection may hold for longer. `None` once the line is cleared.
    terminal: Arc<Mutex<Option<T>>>,
}

impl<T: Write + Send + 'static> ProgressBar<T> {
    fn new(total: usize, terminal: Option<T>) -> Self {
        ProgressBar {
            total,
            terminal: Arc::new(Mutex::new(terminal)),
        }
    }

    /// Returns a function that draws the bar for a number of bytes sent.
    fn drawer(&self) -> impl FnMut(usize) + Send + 'static + use<T> {
        let (total, terminal) = (self.total, self.terminal.clone());
        let mut drawn: Option<Instant> = None;
        move |sent| {
            let due = drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW_INTERVAL);
            if (due || sent == total)
                && let Some(terminal) = &mut *terminal.lock()
            {
                draw(terminal, &bar(sent, total));
                drawn = Some(Instant::now());
            }
        }
    }
}

impl<T: Write> Drop for ProgressBar<T> {
    fn drop(&mut self) {
        if let Some(mut terminal) = self.terminal.lock().take() {
            draw(&mut terminal, "\x1b[2K\r");
        }
    }
}

/// Writes to the start of the terminal's line. If the terminal is gone, the upload goes on.
fn draw(terminal: &mut impl Write, text: &str) {
    let _ = write!(terminal, "\r{text}");
    let _ = terminal.flush();
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

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_of_the_bar_is_empty_afterwards_and_stays_so() {
        let screen = Screen::default();
        let bar = ProgressBar::new(10, Some(screen.clone()));
        let mut draw = bar.drawer();
        draw(5);
        drop(bar);
        // The connection sends the rest although the host has answered.
        draw(10);
        let text = String::from_utf8(screen.0.lock().clone()).unwrap();
        assert!(text.contains(" 50 %"), "{text:?}");
        assert!(!text.contains("100 %"), "{text:?}");
        assert!(text.ends_with("\r\x1b[2K\r"), "{text:?}");
    }

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
