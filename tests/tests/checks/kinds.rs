//! `vrrp_http`, `vrrp_tcp`, `vrrp_process`, `vrrp_file`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab, Stamp,
    scenario::{distribution, until_state, until_status},
    wait::Mark,
};

use crate::rig::{Rig, script};

const TENTH: Duration = Duration::from_millis(100);

/// A web server in `r1` that says what it is told to.
struct Server {
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(lab: &Lab, port: u16) -> Result<Self> {
        let listener = lab.host("r1")?.namespace.run(|| Ok(TcpListener::bind(("0.0.0.0", port))?))?;
        listener.set_nonblocking(true)?;
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(Mutex::new(Vec::new())));
        let ends = Arc::new(AtomicBool::new(false));
        let server = (Arc::clone(&answer), Arc::clone(&asked), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            let (answer, asked, ends) = server;
            while !ends.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => drop(serve(stream, &answer, &asked)),
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        let server = Self { answer, asked, ends, thread: Some(thread) };
        server.says("200 OK", "all is well");
        Ok(server)
    }

    fn says(&self, status: &str, body: &str) {
        let length = body.len();
        *lock(&self.answer) = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    }
}

fn serve(mut stream: TcpStream, answer: &Mutex<String>, asked: &Mutex<Vec<String>>) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = [0; 2048];
    let length = stream.read(&mut buffer)?;
    lock(asked).push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    let answer = lock(answer).clone();
    Ok(stream.write_all(answer.as_bytes())?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

#[test]
fn an_answer_is_judged_by_status_and_body_and_asked_for_with_the_host_header() -> Result<()> {
    let table = "[vrrp_http.web]\nurl = \"http://127.0.0.1:8080/health?deep=1\"\nhost = \"www.example.net\"\n\
                 status = [200, \"300-302\"]\nbody = \"is well\"\ninterval = \"20ms\"\ntimeout = \"2s\"\n";
    let mut server = None;
    let rig = Rig::prepare(TENTH, "track_http = [{ name = \"web\", weight = -5 }]", table, |lab| {
        server = Some(Server::start(lab, 8080)?);
        Ok(())
    })?;
    let server = server.context("a server")?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    for (status, body, priority, reason) in [
        ("500 Oops", "all is well", 95, "status 500"),
        ("301 Moved", "all is well", 100, "status 301"),
        ("200 OK", "all is bad", 95, "without \"is well\" in 10 bytes"),
        ("200 OK", "yes, all is well here", 100, "status 200"),
    ] {
        let mark = rig.lab.wire().mark();
        server.says(status, body);
        rig.changes_to(reason, mark, priority)?;
        rig.until_check(reason, |check| {
            check["last_reason"].as_str().is_some_and(|last| last.contains(reason))
        })?;
    }
    let asked = lock(&server.asked).first().cloned().unwrap_or_default().to_lowercase();
    ensure!(asked.starts_with("get /health?deep=1 http/1.1\r\n"), "{asked}");
    ensure!(
        asked.contains("host: www.example.net\r\n") && asked.contains("connection: close\r\n"),
        "{asked}"
    );
    let mark = rig.lab.wire().mark();
    drop(server);
    rig.changes_to("nobody listens", mark, 95)?;
    rig.until_check("the reason", |check| {
        check["last_reason"].as_str().is_some_and(|last| last.contains("refused"))
    })
}

#[test]
fn a_server_that_accepts_and_says_nothing_times_out() -> Result<()> {
    let table =
        "[vrrp_http.web]\nurl = \"http://127.0.0.1:8080/\"\ninterval = \"50ms\"\ntimeout = \"100ms\"\n";
    let mut listener = None;
    let rig = Rig::prepare(TENTH, "track_http = [{ name = \"web\", weight = -5 }]", table, |lab| {
        listener = Some(lab.host("r1")?.namespace.run(|| Ok(TcpListener::bind("127.0.0.1:8080")?))?);
        Ok(())
    })?;
    rig.until_priority("it counts as failed", Mark::default(), 95)?;
    rig.until_check("several timeouts", |check| check["timeouts"].as_u64() >= Some(3))
}

/// A server with a certificate of its own making.
fn tls_server(lab: &Lab) -> Result<Child> {
    let path = |name: &str| lab.scratch().path().join(name).display().to_string();
    let (key, certificate) = (path("key.pem"), path("certificate.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", &key, "-out", &certificate])
        .output()?;
    ensure!(made.status.success(), "openssl req: {}", String::from_utf8_lossy(&made.stderr));
    let mut server = lab.host("r1")?.namespace.command("openssl");
    server.args(["s_server", "-www", "-quiet", "-accept", "8443", "-key", &key, "-cert", &certificate]);
    Ok(server.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?)
}

#[test]
fn tls_is_spoken_with_and_without_verification() -> Result<()> {
    let table = "[vrrp_http.any]\nurl = \"https://127.0.0.1:8443/\"\nverify = false\ninterval = \"50ms\"\ntimeout = \"2s\"\n\
                 [vrrp_http.strict]\nurl = \"https://127.0.0.1:8443/\"\nhost = \"localhost\"\ninterval = \"50ms\"\ntimeout = \"2s\"\n";
    let track = "track_http = [{ name = \"any\", weight = 5 }, { name = \"strict\", weight = -1 }]";
    let mut server = None;
    let rig = Rig::prepare(TENTH, track, table, |lab| {
        server = Some(tls_server(lab)?);
        Ok(())
    })?;
    let mut server = server.context("a server")?;
    let waited = rig.until_priority("the one succeeds, the other fails", Mark::default(), 104);
    let status = rig.r1.status();
    server.kill()?;
    server.wait()?;
    waited?;
    let reason = status?["checks"][1]["last_reason"].clone();
    ensure!(reason.as_str().is_some_and(|reason| reason.contains("certificate")), "{reason}");
    Ok(())
}

#[test]
fn a_connection_that_is_refused_counts() -> Result<()> {
    let table = "[vrrp_tcp.port]\naddress = \"127.0.0.1:8081\"\ninterval = \"10ms\"\ntimeout = \"1s\"\n";
    let mut server = None;
    let rig = Rig::prepare(TENTH, "track_tcp = [\"port\"]", table, |lab| {
        server = Some(Server::start(lab, 8081)?);
        Ok(())
    })?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    until_state(&rig.r2, "BACKUP")?;
    let mark = rig.lab.wire().mark();
    drop(server.take());
    rig.until_priority("the farewell", mark, 0)?;
    rig.until_successor(mark)?;
    let mark = rig.lab.wire().mark();
    server = Some(Server::start(&rig.lab, 8081)?);
    rig.until_priority("r1 is back", mark, 100)?;
    drop(server);
    Ok(())
}

/// A process of a name that nobody else has.
struct Service(Child);

impl Service {
    fn start(lab: &Lab, pid_file: Option<&str>) -> Result<Self> {
        let path = lab.scratch().path().join("testserviced");
        if !path.exists() {
            fs::copy("/bin/sleep", &path)?;
        }
        let child = lab.host("r1")?.namespace.command(&path).arg("10000").spawn()?;
        if let Some(name) = pid_file {
            fs::write(lab.scratch().path().join(name), format!("{}\n", child.id()))?;
        }
        Ok(Self(child))
    }

    /// Returns the moment before the signal, and that when it was seen to be dead: on a busy machine even dying waits for
    /// its turn.
    fn kill(mut self) -> Result<(Stamp, Stamp)> {
        let before = Stamp::now();
        self.0.kill()?;
        self.0.wait()?;
        Ok((before, Stamp::now()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _dead = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn a_process_that_dies_is_noticed_by_the_kernels_event() -> Result<()> {
    // Were it polled, it would take half of this in the mean.
    let table = "[vrrp_process.service]\nprocess = \"testserviced\"\n";
    dying("track_process = [\"service\"]", table, None)
}

#[test]
fn a_process_of_a_pid_file_too() -> Result<()> {
    let table = "[vrrp_process.service]\npid_file = \"{dir}/service.pid\"\n";
    dying("track_process = [\"service\"]", table, Some("service.pid"))
}

fn dying(track: &str, table: &str, pid_file: Option<&str>) -> Result<()> {
    let mut service = None;
    let track = track.replace("\"service\"", "{ name = \"service\", weight = 0 }");
    let rig = Rig::prepare(Duration::from_secs(1), &track, table, |lab| {
        service = Some(Service::start(lab, pid_file)?);
        Ok(())
    })?;
    let mut service = service.context("a service")?;
    let (mut since_signal, mut reactions) = (Vec::new(), Vec::new());
    let mut mark = Mark::default();
    for _ in 0..5 {
        rig.until_priority("r1 is master", mark, 100)?;
        until_state(&rig.r2, "BACKUP")?;
        mark = rig.lab.wire().mark();
        let (signalled, dead) = service.kill()?;
        let farewell = rig.until_priority("the farewell", mark, 0)?;
        since_signal.push(farewell.ms_since(signalled));
        reactions.push(farewell.ms_since(dead));
        rig.until_successor(mark)?;
        mark = rig.lab.wire().mark();
        service = Service::start(&rig.lab, pid_file)?;
    }
    println!("from the signal to the farewell: {}", distribution(&since_signal));
    println!("from the death to the farewell: {}", distribution(&reactions));
    reactions.sort_by(f64::total_cmp);
    let median = reactions.get(reactions.len() / 2).copied().unwrap_or(f64::MAX);
    ensure!(median < 10.0, "the farewell comes {median:.1} ms after the death");
    Ok(())
}

#[test]
fn a_quorum_has_both_ends_and_a_delay_forgives_a_restart() -> Result<()> {
    let table = "[vrrp_process.service]\nprocess = \"testserviced 10000\"\nparam_match = \"exact\"\nquorum = 1\n\
                 quorum_max = 2\nterminate_delay = \"3s\"\n";
    let mut one = None;
    let rig = Rig::prepare(TENTH, "track_process = [{ name = \"service\", weight = -5 }]", table, |lab| {
        one = Some(Service::start(lab, None)?);
        Ok(())
    })?;
    rig.until_priority("one is enough", Mark::default(), 100)?;
    let mark = rig.lab.wire().mark();
    let two = Service::start(&rig.lab, None)?;
    let three = Service::start(&rig.lab, None)?;
    rig.until_priority("three are too many", mark, 95)?;
    let (mark, ended) = (rig.lab.wire().mark(), Stamp::now());
    drop((two, three));
    let waited = rig.until_priority("one again, after the delay", mark, 100)?.ms_since(ended);
    ensure!(waited > 2_900.0, "it counts after {waited:.0} ms already");
    // A restart within the delay is none.
    let mark = rig.lab.wire().mark();
    drop(one.take());
    thread::sleep(TENTH);
    one = Some(Service::start(&rig.lab, None)?);
    thread::sleep(Duration::from_millis(3_500));
    rig.lab.wire().settle();
    let priorities = rig.lab.wire().look(mark, |timeline| {
        timeline.adverts_by(51, "r1").map(|(_, advert)| advert.priority).collect::<Vec<_>>()
    });
    ensure!(priorities.iter().all(|priority| *priority == 100), "{priorities:?}");
    drop(one);
    Ok(())
}

#[test]
fn a_number_in_a_file_is_followed_however_it_is_written() -> Result<()> {
    let table = "[vrrp_file.load]\nfile = \"{dir}/state/load\"\nweight = -1\n";
    let rig = Rig::start(TENTH, "track_file = [\"load\"]", table)?;
    let directory = rig.path("state");
    let changed = |what: &str, priority: u8, action: &dyn Fn() -> Result<()>| -> Result<()> {
        let mark = rig.lab.wire().mark();
        let before = Stamp::now();
        action()?;
        let at = rig.changes_to(what, mark, priority)?;
        println!("{what}: {:.1} ms", at.ms_since(before));
        Ok(())
    };
    changed("the directory comes, with the file", 95, &|| {
        fs::create_dir(&directory)?;
        Ok(fs::write(directory.join("load"), "5\n")?)
    })?;
    changed("written", 91, &|| Ok(fs::write(directory.join("load"), "9\n")?))?;
    changed("replaced", 97, &|| {
        fs::write(directory.join("new"), "3\n")?;
        Ok(fs::rename(directory.join("new"), directory.join("load"))?)
    })?;
    changed("removed", 100, &|| Ok(fs::remove_dir_all(&directory)?))?;
    fs::create_dir(&directory)?;
    changed("far below", 0, &|| Ok(fs::write(directory.join("load"), "300\n")?))?;
    until_status(&rig.r1, "a fault", |status| status["routers"][0]["fault"] == "vrrp_file load fails")
}

#[test]
fn init_file_writes_its_value_before_the_first_advert() -> Result<()> {
    let table = "[vrrp_file.load]\nfile = \"{dir}/load\"\nweight = 2\ninit_file = { value = 7 }\n";
    let rig = Rig::prepare(TENTH, "track_file = [\"load\"]", table, |lab| script(lab, "unused", "true"))?;
    rig.until_priority("its value counts", Mark::default(), 114)?;
    ensure!(fs::read_to_string(rig.path("load"))? == "7\n");
    Ok(())
}
