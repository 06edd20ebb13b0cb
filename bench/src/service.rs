//! A web server behind the virtual address, as a closed-loop client sees it: what a takeover costs it, and what the XDP
//! program costs it while nothing happens.
//!
//! Two routers with an nginx each, and a client with `wrk`: each of its connections asks again as soon as it has been
//! answered, so a request that is lost is one that a connection waited for when it broke.

mod steady;
mod takeover;
mod wrk;

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use tests::{Lab, Namespace, daemons::Process, scratch::Scratch, wait};

use crate::{Bench, Report};

const SUITE: &str = "service";
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the suite.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    takeover::run(bench, report)?;
    steady::run(bench, report)
}

/// A small page, and a large one.
const PAGES: [(&str, usize); 2] = [("small", 1024), ("large", 1 << 20)];

/// An nginx on a host, on port 80 of all its addresses.
#[derive(Debug)]
struct Server(#[expect(dead_code, reason = "held: it ends on drop")] Process);

impl Server {
    fn start(lab: &Lab, host: &str) -> Result<Self> {
        let (namespace, scratch) = (&lab.host(host)?.namespace, lab.scratch());
        let directory = scratch.path().join(format!("{host}-nginx"));
        fs::create_dir_all(&directory)?;
        for (name, bytes) in PAGES {
            fs::write(directory.join(name), vec![b'x'; bytes])?;
        }
        let place = directory.display();
        let configuration = format!(
            "daemon off;\nuser root;\nworker_processes 1;\npid {place}/pid;\nerror_log {place}/error.log;\n\
             events {{ worker_connections 512; }}\n\
             http {{\n  access_log off;\n  keepalive_requests 1000000;\n  sendfile on;\n  {}\n  server {{\n    listen 80;\n    \
             root {place};\n  }}\n}}\n",
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|what| format!("{what}_temp_path {place}/{what};"))
                .join(" ")
        );
        let file = directory.join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut command = namespace.command("nginx");
        command.arg("-p").arg(&directory).arg("-c").arg(&file);
        let server = Process::start(command, &format!("{host}-nginx-out"), namespace, &scratch)?;
        until_it_listens(namespace, &scratch, server)
    }
}

fn until_it_listens(namespace: &Arc<Namespace>, scratch: &Scratch, mut server: Process) -> Result<Server> {
    wait::poll("nginx", PATIENCE, || {
        ensure!(server.runs()?, "nginx has ended; see {}:\n{}", scratch.path().display(), server.log());
        let listens = namespace.run(|| Ok(std::net::TcpStream::connect("127.0.0.1:80").is_ok()))?;
        Ok(listens.then_some(()))
    })?;
    Ok(Server(server))
}
