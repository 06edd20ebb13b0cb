//! `vrrp_tcp`: a connection that is accepted.

use tokio::net::TcpStream;

use super::periodic::Probe;
use vrrp_config::TcpCheck;

impl Probe for TcpCheck {
    async fn ask(&mut self) -> Result<String, String> {
        match TcpStream::connect(self.address).await {
            Ok(_closed_at_once) => Ok("connected".into()),
            Err(error) => Err(format!("{}: {error}", self.address)),
        }
    }
}
