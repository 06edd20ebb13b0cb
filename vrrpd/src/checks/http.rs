//! `vrrp_http`: a request that is answered as expected. A new connection for each: what is asked is whether a client that
//! comes now would be served.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::{Duration, Instant},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    periodic::{self, Probe},
    reporter::Reporter,
    tls,
};
use vrrp_config::HttpCheck;

/// Bytes of a body that are looked through.
const BODY: usize = 1 << 20;

/// Time for which the addresses of a name are used.
const NAME_LASTS: Duration = Duration::from_secs(5);

/// Asks at once, and then once an interval.
pub(super) async fn watch(check: HttpCheck, reporter: Reporter) {
    let (interval, timeout) = (check.interval, check.timeout);
    // The host's certificates are files.
    let probe = tokio::task::spawn_blocking(move || HttpProbe::new(check));
    if let Ok(probe) = probe.await {
        periodic::watch(probe, interval, timeout, reporter).await;
    }
}

/// A check that can be asked.
struct HttpProbe {
    check: HttpCheck,
    /// Target, or what is wrong with the configuration, which no request can mend.
    target: Result<Target, String>,
    names: Names,
}

/// Destination of the request, and what it says.
struct Target {
    host: String,
    port: u16,
    request: Request<Empty<Bytes>>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl HttpProbe {
    fn new(check: HttpCheck) -> Self {
        Self { target: Target::of(&check), check, names: Names::default() }
    }

    async fn request(&mut self) -> Result<String, String> {
        let target = self.target.as_ref().map_err(Clone::clone)?;
        let addresses = self.names.look_up(&target.host, target.port).await?;
        let stream = connect(&addresses).await?;
        match &target.tls {
            None => exchange(stream, target.request.clone(), &self.check).await,
            Some((tls, name)) => {
                let stream =
                    tls.connect(name.clone(), stream).await.map_err(|error| format!("TLS: {error}"))?;
                exchange(stream, target.request.clone(), &self.check).await
            }
        }
    }
}

impl Probe for HttpProbe {
    async fn ask(&mut self) -> Result<String, String> {
        self.request().await
    }
}

impl Target {
    fn of(check: &HttpCheck) -> Result<Self, String> {
        let uri: Uri = check.url.parse().map_err(|error| format!("url: {error}"))?;
        let authority = uri.authority().ok_or("url: there is no host in it")?;
        let secure = uri.scheme_str() == Some("https");
        // An IPv6 address stands in brackets.
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let spoken = check.host.clone().unwrap_or_else(|| authority.as_str().to_owned());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::builder()
            .method(check.method.as_str())
            .uri(path)
            .header(HOST, &spoken)
            .header(USER_AGENT, concat!("vrrpd/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close")
            .body(Empty::new())
            .map_err(|error| format!("the request: {error}"))?;
        let tls = if secure {
            let name = check.host.as_deref().map_or(host.as_str(), without_port).to_owned();
            let name = ServerName::try_from(name).map_err(|error| format!("host: {error}"))?;
            Some((tls::connector(check.verify)?, name))
        } else {
            None
        };
        Ok(Self { host, port, request, tls })
    }
}

/// The name alone, of `NAME`, `NAME:PORT` or `[ADDRESS]:PORT`.
fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.split_once(':') {
        // Of more than one colon it is an address without brackets.
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

/// To the first address that accepts.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Err(last)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
    check: &HttpCheck,
) -> Result<String, String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("HTTP: {error}"))?;
    // Ends with the connection; aborted when the question is dropped.
    let _connection = Aborted(tokio::spawn(async move { drop(connection.await) }));
    let answer = sender.send_request(request).await.map_err(|error| format!("HTTP: {error}"))?;
    judge(answer, check).await
}

async fn judge(answer: Response<Incoming>, check: &HttpCheck) -> Result<String, String> {
    let status = answer.status();
    if !is_wanted(status, &check.status) {
        return Err(format!("status {status}"));
    }
    let Some(wanted) = &check.body else { return Ok(format!("status {status}")) };
    let body = Limited::new(answer.into_body(), BODY).collect().await;
    let body = body.map_err(|error| format!("the body: {error}"))?.to_bytes();
    if contains(&body, wanted.as_bytes()) {
        Ok(format!("status {status}, with the text"))
    } else {
        Err(format!("status {status}, without {wanted:?} in {} bytes of body", body.len()))
    }
}

fn is_wanted(status: StatusCode, wanted: &[(u16, u16)]) -> bool {
    wanted.iter().any(|(first, last)| (*first..=*last).contains(&status.as_u16()))
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|part| part == wanted)
}

/// A task that ends when this is dropped.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks names up, one at a time: a name server that does not answer shall not pile up threads.
#[derive(Default)]
struct Names {
    under_way: Option<JoinHandle<Result<Vec<SocketAddr>, String>>>,
    known: Option<(Instant, Vec<SocketAddr>)>,
}

impl Names {
    async fn look_up(&mut self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = host.parse() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if let Some((since, addresses)) = &self.known
            && since.elapsed() < NAME_LASTS
        {
            return Ok(addresses.clone());
        }
        let name = host.to_owned();
        let look = async move {
            let found = tokio::net::lookup_host((name.as_str(), port)).await;
            found.map(Iterator::collect).map_err(|error| format!("{name}: {error}"))
        };
        // Dropped while it waits, it is found here again.
        let under_way = self.under_way.get_or_insert_with(|| tokio::spawn(look));
        let found = under_way.await;
        self.under_way = None;
        let addresses: Vec<SocketAddr> = found.map_err(|error| error.to_string())??;
        self.known = Some((Instant::now(), addresses.clone()));
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, host: Option<&str>) -> HttpCheck {
        HttpCheck {
            url: url.into(),
            method: "GET".into(),
            status: vec![(200, 200), (300, 302)],
            body: None,
            host: host.map(Into::into),
            verify: false,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        let target = |url, host| {
            let target = Target::of(&check(url, host)).unwrap();
            let (parts, _) = target.request.into_parts();
            let host = parts.headers.get(HOST).unwrap().to_str().unwrap().to_owned();
            (target.host, target.port, host, parts.uri.to_string())
        };
        let expected =
            |host: &str, port, spoken: &str, path: &str| (host.into(), port, spoken.into(), path.into());
        assert_eq!(target("http://a.example", None), expected("a.example", 80, "a.example", "/"));
        assert_eq!(
            target("http://a.example:81/x?y", None),
            expected("a.example", 81, "a.example:81", "/x?y")
        );
        assert_eq!(target("https://[::1]/", Some("b.example")), expected("::1", 443, "b.example", "/"));
        let why = Target::of(&check("http:///x", None)).err().unwrap();
        assert!(why.starts_with("url: "), "{why}");
    }

    #[test]
    fn the_certificate_s_name_has_no_port() {
        let names = ["a.example", "a.example:8443", "[::1]:443", "[::1]", "::1"].map(without_port);
        assert_eq!(names, ["a.example", "a.example", "::1", "::1", "::1"]);
    }

    #[test]
    fn status_and_body_are_looked_at() {
        let wanted = [(200, 200), (300, 302)];
        let well = |status| is_wanted(StatusCode::from_u16(status).unwrap(), &wanted);
        assert!(well(200) && well(300) && well(302) && !well(201) && !well(303) && !well(500));
        assert!(contains(b"all is well", b"is w") && contains(b"", b"") && !contains(b"is", b"is well"));
    }
}
