//! The files of a small Debian, made once and kept.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{FlockOperation, flock};

/// What is in it beside the least that Debian is.
const PACKAGES: &str = "systemd-sysv,nginx-light,iproute2,iputils-ping";
/// What booting it shall not start.
const MASKED: [&str; 4] = ["apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer"];
/// Changes with the lists above, so that an older one is not taken.
const RECIPE: &str = "1";

/// A directory with a Debian that boots, which nobody writes to.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// That in `cache`, made by debootstrap from this machine's own mirrors if it is not there: some 40 s and 200 MB.
    ///
    /// # Errors
    /// Without root, or if debootstrap fails; with the end of what it says.
    pub fn prepared(cache: &Path) -> Result<Self> {
        let source = Source::of_this_machine()?;
        let path = cache.join(format!("debian-{}-{RECIPE}", source.suite));
        fs::create_dir_all(cache)?;
        let lock = File::create(cache.join("debian.lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        if !path.exists() {
            source.bootstrap(&path)?;
        }
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where packages come from, as apt on this machine has it.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    suite: String,
    uri: String,
    components: BTreeSet<String>,
}

impl Source {
    fn of_this_machine() -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release").context("reading /etc/os-release")?;
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let suite = suite.context("/etc/os-release has no VERSION_CODENAME")?.trim_matches('"');
        let format = "$(RELEASE) $(COMPONENT) $(REPO_URI)";
        let targets = output(Command::new("apt-get").args(["indextargets", "--format", format]))?;
        Self::among(&targets, suite).with_context(|| format!("apt has no source of {suite}:\n{targets}"))
    }

    /// The first mirror of the suite, with what apt takes from it.
    fn among(targets: &str, suite: &str) -> Option<Self> {
        let mut of_suite = targets.lines().filter_map(|line| {
            let mut words = line.split(' ');
            (words.next()? == suite).then_some((words.next()?, words.next()?))
        });
        let (first, uri) = of_suite.next()?;
        let others = of_suite.filter(|(_, other)| *other == uri).map(|(component, _)| component);
        let components = std::iter::once(first).chain(others).map(ToOwned::to_owned).collect();
        Some(Self { suite: suite.to_owned(), uri: uri.to_owned(), components })
    }

    /// Beside its place first, so that what is there is whole.
    fn bootstrap(&self, path: &Path) -> Result<()> {
        let began = Instant::now();
        let draft = path.with_extension("draft");
        remove(&draft)?;
        let components: Vec<_> = self.components.iter().map(String::as_str).collect();
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}")]);
        debootstrap.arg(format!("--components={}", components.join(","))).arg(&self.suite);
        debootstrap.arg(&draft).arg(&self.uri).envs(proxies()?);
        output(&mut debootstrap)?;
        // It takes what it makes, and no more.
        for waste in ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"] {
            remove(&draft.join(waste))?;
        }
        for unit in MASKED {
            std::os::unix::fs::symlink("/dev/null", draft.join("etc/systemd/system").join(unit))?;
        }
        // Another for each that boots.
        fs::write(draft.join("etc/machine-id"), "")?;
        fs::rename(&draft, path)?;
        println!("made {} in {:.0} s", path.display(), began.elapsed().as_secs_f64());
        Ok(())
    }
}

/// As debootstrap's wget takes them, what apt is told.
fn proxies() -> Result<Vec<(String, String)>> {
    let told = output(Command::new("apt-config").args(["dump", "--format", "%f %v%n", "Acquire"]))?;
    let proxy = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        let kind = key.to_lowercase();
        let scheme = kind.strip_prefix("acquire::")?.strip_suffix("::proxy")?;
        (!value.is_empty() && value != "DIRECT").then(|| (format!("{scheme}_proxy"), value.to_owned()))
    };
    Ok(told.lines().filter_map(proxy).collect())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text.lines().chain(errors.lines()).collect();
    let tail = lines[lines.len().saturating_sub(15)..].join("\n");
    ensure!(output.status.success(), "{command:?}: {}\n{tail}", output.status);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_that_apt_uses_for_the_suite() {
        let targets = "noble-updates main http://mirror.example/ubuntu/\n\
                       noble main http://mirror.example/ubuntu/\n\
                       noble universe http://mirror.example/ubuntu/\n\
                       noble main http://other.example/\nnodistro main https://deb.example/node\n";
        let source = Source::among(targets, "noble").unwrap();
        assert_eq!(source.uri, "http://mirror.example/ubuntu/");
        assert!(source.components.iter().eq(["main", "universe"]), "{source:?}");
        assert_eq!(Source::among(targets, "jammy"), None);
    }
}
