//! Opens the connection to the server, encrypted or not, with a [`MessageLimit`].
//!
//! The limit must be applied between the driver and TLS. The only hook that the driver has there is
//! the TLS connector, so the limit is applied by a connector, even if nothing is encrypted.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

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

use super::failure;
use super::message_limit::{LimitedStream, MessageLimit};
use super::url::{Roots, Url};

/// Reads the root certificates for the server's certificate. `None` if the connection is not
/// encrypted.
///
/// # Errors
/// Returns why the file or the system's certificates cannot be used.
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
                return Err(unusable(&"it contains no certificate"));
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
        "this system has no root certificates to verify the database's certificate{reasons}; \
         install the package ca-certificates, or name a file with ?sslrootcert=FILE"
    )
}

/// An open connection.
pub(super) struct Opened {
    pub(super) client: Client,
    /// Set when a message was too long, which ended the connection.
    pub(super) oversized: Arc<AtomicBool>,
}

/// Why a connection was not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenFailure {
    /// The Unix socket cannot be opened.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// The server cannot be reached or refused the connection.
    #[error("{}", failure::message(.0))]
    Server(#[from] tokio_postgres::Error),
}

impl OpenFailure {
    /// Returns whether another attempt may succeed: the server was not reached or is starting.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            OpenFailure::Socket(_) => true,
            OpenFailure::Server(error) => match error.code() {
                None => true,
                Some(code) => *code == SqlState::CANNOT_CONNECT_NOW,
            },
        }
    }
}

/// Opens a connection and reads from it in a task, which ends when the client is dropped or the
/// connection ends.
pub(super) async fn open(
    url: &Url,
    encryption: Option<MakeRustlsConnect>,
    message_bytes: u32,
) -> Result<Opened, OpenFailure> {
    open_to_listen(url, encryption, message_bytes, None).await
}

/// As [`open`], but notifies `listener` of each notification and of the end of the connection.
pub(super) async fn open_to_listen(
    url: &Url,
    encryption: Option<MakeRustlsConnect>,
    message_bytes: u32,
    listener: Option<Arc<Notify>>,
) -> Result<Opened, OpenFailure> {
    let oversized = Arc::new(AtomicBool::new(false));
    let limit = MessageLimit::new(message_bytes, oversized.clone());
    let mut config = url.config.clone();
    let client = if let Some(Host::Unix(path)) = config.get_hosts().first() {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let socket = UnixStream::connect(path.join(format!(".s.PGSQL.{port}"))).await?;
        config.ssl_mode(SslMode::Disable);
        let stream = limit.apply(Plain(socket));
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        tokio::spawn(read(connection, listener));
        client
    } else {
        if encryption.is_none() {
            // Makes the driver call the connector without asking the server for encryption.
            config
                .ssl_mode(SslMode::Require)
                .ssl_negotiation(SslNegotiation::Direct);
        }
        let (client, connection) = config.connect(Connector { encryption, limit }).await?;
        tokio::spawn(read(connection, listener));
        client
    };
    Ok(Opened { client, oversized })
}

async fn read<S, T>(mut connection: Connection<S, T>, listener: Option<Arc<Notify>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => {
                if let Some(listener) = &listener {
                    listener.notify_one();
                }
            }
            Ok(_) => {}
            Err(error) => {
                let reason = failure::message(&error);
                tracing::debug!("a connection to the database ended: {reason}");
                break;
            }
        }
    }
    if let Some(listener) = listener {
        listener.notify_one();
    }
}

/// Takes the place of the driver's TLS connector.
struct Connector {
    encryption: Option<MakeRustlsConnect>,
    limit: MessageLimit,
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = LimitedStream;
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
            limit: self.limit.clone(),
        })
    }
}

struct Connect {
    encryption: Option<<MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect>,
    limit: MessageLimit,
}

impl TlsConnect<Socket> for Connect {
    type Stream = LimitedStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<LimitedStream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            Ok(match self.encryption {
                None => self.limit.apply(Plain(socket)),
                Some(encryption) => self.limit.apply(encryption.connect(socket).await?),
            })
        })
    }
}

/// A stream without encryption, for a driver that expects one that may be encrypted.
struct Plain<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Plain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Plain<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
