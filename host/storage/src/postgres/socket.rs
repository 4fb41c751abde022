//! The way to the server: encrypted or not, and bounded.
//!
//! The driver reads a message whole before it hands it over, and a row is one message: a statement
//! that makes a text of a gigabyte would take as much of the host's memory. So the bytes are
//! watched on their way in, and a message that says it is longer than allowed ends the
//! connection. The watcher stands between the driver and TLS, which is where the driver lets
//! others stand: as the TLS connector, also where nothing is encrypted.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::plain::Plain;
use super::url::{Roots, Url};

/// Reads the certificates that may vouch for the server; none: it needs none.
///
/// # Errors
/// Why the file, or what the system has, cannot be used.
pub(super) fn encryption(roots: Option<&Roots>) -> Result<Option<MakeRustlsConnect>, String> {
    let mut store = RootCertStore::empty();
    match roots {
        None => return Ok(None),
        Some(Roots::System) => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                return Err(no_authorities(&found.errors));
            }
        }
        Some(Roots::File(path)) => {
            let unusable = |error: &dyn std::fmt::Display| {
                format!("sslrootcert={} cannot be used: {error}", path.display())
            };
            let found = CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                store.add(certificate).map_err(|error| unusable(&error))?;
            }
            if store.is_empty() {
                return Err(unusable(&"it holds no certificate"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn no_authorities(errors: &[rustls_native_certs::Error]) -> String {
    let reasons: String = errors.iter().map(|error| format!(" ({error})")).collect();
    format!(
        "this system has no certificates of authorities that could vouch for the database{reasons}; \
         install the package ca-certificates, or name a file with ?sslrootcert=FILE"
    )
}

/// A connection that was opened.
pub(super) struct Opened {
    pub(super) client: Client,
    /// Set when a message was too long, which ended the connection.
    pub(super) oversized: Arc<AtomicBool>,
}

/// Why a connection was not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenFailure {
    /// There is no such socket.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// The server is not reached, or refused.
    #[error("{}", super::failure::message(.0))]
    Server(#[from] tokio_postgres::Error),
}

impl OpenFailure {
    /// Whether the server may only not be there yet: it was not reached, or is starting.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            OpenFailure::Socket(_) => true,
            OpenFailure::Server(error) => match error.code() {
                None => true,
                Some(code) => *code == SqlState::CANNOT_CONNECT_NOW,
            },
        }
    }
}

/// Opens a connection and reads from it in a task, which ends with the client or the connection.
pub(super) async fn open(
    url: &Url,
    encryption: Option<MakeRustlsConnect>,
    message_bytes: u32,
) -> Result<Opened, OpenFailure> {
    open_to_hear(url, encryption, message_bytes, None).await
}

/// As [`open`]; `heard` is told of each notification, and of the connection's end.
pub(super) async fn open_to_hear(
    url: &Url,
    encryption: Option<MakeRustlsConnect>,
    message_bytes: u32,
    heard: Option<Arc<Notify>>,
) -> Result<Opened, OpenFailure> {
    let oversized = Arc::new(AtomicBool::new(false));
    let watch = Watch::new(message_bytes, oversized.clone());
    let mut config = url.config.clone();
    let client = if let Some(Host::Unix(path)) = config.get_hosts().first() {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let socket = UnixStream::connect(path.join(format!(".s.PGSQL.{port}"))).await?;
        config.ssl_mode(SslMode::Disable);
        let stream = watch.over(Plain(socket));
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        tokio::spawn(read(connection, heard));
        client
    } else {
        if encryption.is_none() {
            // Asks the server for nothing and calls the connector.
            config
                .ssl_mode(SslMode::Require)
                .ssl_negotiation(SslNegotiation::Direct);
        }
        let (client, connection) = config.connect(Connector { encryption, watch }).await?;
        tokio::spawn(read(connection, heard));
        client
    };
    Ok(Opened { client, oversized })
}

async fn read<S, T>(mut connection: Connection<S, T>, heard: Option<Arc<Notify>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => {
                if let Some(heard) = &heard {
                    heard.notify_one();
                }
            }
            Ok(_) => {}
            Err(error) => {
                let reason = super::failure::message(&error);
                tracing::debug!("a connection to the database ended: {reason}");
                break;
            }
        }
    }
    if let Some(heard) = heard {
        heard.notify_one();
    }
}

/// Stands where the driver would make TLS.
struct Connector {
    encryption: Option<MakeRustlsConnect>,
    watch: Watch,
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Watched;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Connect> {
        Ok(Connect {
            encryption: match &mut self.encryption {
                None => None,
                Some(encryption) => {
                    let made = MakeTlsConnect::<Socket>::make_tls_connect(encryption, domain);
                    Some(made.map_err(io::Error::other)?)
                }
            },
            watch: self.watch.clone(),
        })
    }
}

struct Connect {
    encryption: Option<<MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect>,
    watch: Watch,
}

impl TlsConnect<Socket> for Connect {
    type Stream = Watched;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Watched>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            Ok(match self.encryption {
                None => self.watch.over(Plain(socket)),
                Some(encryption) => self.watch.over(encryption.connect(socket).await?),
            })
        })
    }
}

/// A stream whose messages are bounded.
struct Watched {
    stream: Box<dyn TlsStream + Send + Unpin>,
    watch: Watch,
}

/// Where in the flow of messages a stream is.
#[derive(Clone)]
struct Watch {
    limit: u32,
    tripped: Arc<AtomicBool>,
    /// The message's kind and its length, as far as they came.
    header: [u8; 5],
    have: usize,
    /// Bytes of the message that are still to come.
    rest: u32,
}

impl Watch {
    fn new(limit: u32, tripped: Arc<AtomicBool>) -> Self {
        Self {
            limit,
            tripped,
            header: [0; 5],
            have: 0,
            rest: 0,
        }
    }

    fn over(self, stream: impl TlsStream + Send + Unpin + 'static) -> Watched {
        Watched {
            stream: Box::new(stream),
            watch: self,
        }
    }

    /// Follows bytes that came in.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skipped = bytes.len().min(self.rest as usize);
                self.rest -= skipped as u32;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if self.have < self.header.len() {
                continue;
            }
            self.have = 0;
            let [_, length @ ..] = self.header;
            // The length counts itself.
            self.rest = u32::from_be_bytes(length).saturating_sub(4);
            if self.rest > self.limit {
                self.tripped.store(true, Relaxed);
                return Err(io::Error::other("a message is longer than allowed"));
            }
        }
        Ok(())
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.watch.follow(&buf.filled()[before..]))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl TlsStream for Watched {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32) -> Vec<u8> {
        let mut bytes = vec![b'D'];
        bytes.extend((length + 4).to_be_bytes());
        bytes.resize(bytes.len() + length as usize, 7);
        bytes
    }

    #[test]
    fn a_message_may_be_as_long_as_the_limit_however_it_comes_in() {
        let bytes: Vec<u8> = [100, 0, 1, 99].map(message).concat();
        for size in [1, 2, 3, 7, 105, 1000] {
            let tripped = Arc::new(AtomicBool::new(false));
            let mut watch = Watch::new(100, tripped.clone());
            for part in bytes.chunks(size) {
                watch.follow(part).unwrap();
            }
            assert!(!tripped.load(Relaxed));
            assert!(watch.follow(&message(101)[..5]).is_err());
            assert!(tripped.load(Relaxed));
        }
    }
}
