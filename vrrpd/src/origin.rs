//! Origin of the daemon's configuration: a file of ours, keepalived's, or nowhere.

use std::{
    cell::RefCell,
    fmt, io,
    path::{Path, PathBuf},
};

use keepalived_conf::{ImportError, Report, Severity, Surroundings};
use vrrp_config::Config;

use crate::{
    config_file::{self, ConfigError},
    surroundings::ThisHost,
    trust::{self, Exposed},
};

/// Origin that a configuration is read from, and read again on SIGHUP.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The built-in default, which does not change.
    BuiltIn,
    /// A file in TOML.
    Toml(PathBuf),
    /// A `keepalived.conf`, converted each time that it is read.
    Keepalived {
        /// The file.
        path: PathBuf,
        /// Text that its `@id` lines are compared with; the name of the host if `None`.
        config_id: Option<String>,
    },
}

/// Reasons for which there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The TOML file.
    #[error(transparent)]
    Toml(#[from] ConfigError),
    /// keepalived's file.
    #[error(transparent)]
    Keepalived(#[from] ImportError),
    /// keepalived's file was converted, and no router is left of it.
    #[error("{}", nothing(path, report))]
    Nothing {
        /// The file.
        path: PathBuf,
        /// Report of what became of it.
        report: Report,
    },
}

impl LoadError {
    /// For a person: what is wrong, where, and what to do. `coloured`: with ANSI colours, for a terminal.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        match self {
            Self::Toml(error) => error.render(coloured),
            Self::Keepalived(error) => error.render(coloured),
            Self::Nothing { .. } => format!("{self}\n"),
        }
    }
}

/// Says that there is nothing to run, and all that is a reason for it.
fn nothing(path: &Path, report: &Report) -> String {
    let reasons = report.entries().iter().filter(|entry| entry.severity == Severity::Unsupported);
    let reasons: String = reasons.map(|entry| format!("\n{entry}")).collect();
    format!("{}: no vrrp_instance that vrrpd can run{reasons}", path.display())
}

/// A configuration, and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Configuration that was read.
    pub config: Config,
    /// Report of what was not carried over from keepalived's file.
    pub report: Report,
    /// Files and directories that it was read from, and that others can change: with them, what the daemon does, as the
    /// user that it is.
    exposed: Vec<Exposed>,
}

impl Loaded {
    /// The built-in configuration, which is nowhere.
    #[must_use]
    pub fn built_in(config: Config) -> Self {
        Self { config, report: Report::default(), exposed: Vec::new() }
    }

    /// Tells who else could change it, and what in it has no effect, in sentences.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let text = |exposed: &Exposed| format!("the configuration is not root's alone: {exposed}");
        let advice = vrrp_config::advise(&self.config).into_iter().map(|advice| advice.to_string());
        self.exposed.iter().map(text).chain(advice)
    }

    /// Logs what was not carried over, who else could change it, and what in it has no effect.
    pub fn log(&self) {
        for entry in self.report.entries() {
            match entry.severity {
                Severity::Harmless => tracing::info!("{entry}"),
                Severity::Different | Severity::Unsupported => tracing::warn!("{entry}"),
            }
        }
        self.warnings().for_each(|warning| tracing::warn!("{warning}"));
    }
}

impl Origin {
    /// Reads it. `None` if there is nothing to read.
    ///
    /// # Errors
    /// The file is not to be read, or something is wrong with it.
    pub fn load(&self) -> Result<Option<Loaded>, LoadError> {
        match self {
            Self::BuiltIn => Ok(None),
            Self::Toml(path) => {
                let (config, exposed) =
                    (config_file::load(path, &ThisHost.host_name())?, trust::check(path).err());
                Ok(Some(Loaded { config, report: Report::default(), exposed: exposed.into_iter().collect() }))
            }
            Self::Keepalived { path, config_id } => {
                let witness = Witness::default();
                let imported = keepalived_conf::import(path, config_id.as_deref(), &witness)?;
                if imported.routers == 0 {
                    return Err(LoadError::Nothing { path: path.clone(), report: imported.report });
                }
                let config = imported.config()?;
                Ok(Some(Loaded { config, report: imported.report, exposed: witness.0.into_inner() }))
            }
        }
    }
}

/// This machine, and what others can change of the files that are read from it.
#[derive(Debug, Default)]
struct Witness(RefCell<Vec<Exposed>>);

impl Witness {
    fn note(&self, judged: Result<(), Exposed>) {
        let mut exposed = self.0.borrow_mut();
        if let Err(found) = judged
            && !exposed.contains(&found)
        {
            exposed.push(found);
        }
    }
}

impl Surroundings for Witness {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.note(trust::check(path));
        ThisHost.read(path)
    }

    /// Finds the files that match. Whoever can make a file where they are read has a say.
    fn matching(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        let wild = |part: &std::ffi::OsStr| part.to_string_lossy().contains(['*', '?', '[']);
        let parts = Path::new(pattern).iter();
        let (literal, rest): (PathBuf, usize) = (
            parts.clone().take_while(|part| !wild(part)).collect(),
            parts.clone().filter(|part| wild(part)).count(),
        );
        if rest > 0 {
            self.note(trust::check_directory(&literal));
        }
        ThisHost.matching(pattern)
    }

    fn is_directory(&self, path: &Path) -> bool {
        ThisHost.is_directory(path)
    }

    fn host_name(&self) -> String {
        ThisHost.host_name()
    }

    fn has_user(&self, name: &str) -> bool {
        ThisHost.has_user(name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("the built-in configuration"),
            Self::Toml(path) | Self::Keepalived { path, .. } => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const ROUTER: &str = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n priority 100\n \
                          virtual_ipaddress {\n 192.0.2.1/24\n }\n}\n";

    /// Files below `/run/NAME`, and the mode of each and of its directory.
    struct Files(PathBuf);

    impl Files {
        fn new(name: &str) -> Self {
            Self(PathBuf::from(format!("/run/vrrpd-test-origin-{name}-{}", std::process::id())))
        }

        fn write(&self, path: &str, mode: u32, text: &str) -> PathBuf {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            self.set(&path, mode);
            path
        }

        fn set(&self, path: &Path, mode: u32) {
            fs::set_permissions(self.0.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    fn warnings(origin: &Origin) -> Vec<String> {
        origin.load().unwrap().unwrap().warnings().collect()
    }

    #[test]
    fn a_file_that_others_can_write_is_told() {
        let files = Files::new("toml");
        let text = "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\npriority = 100\n\
                    virtual_ipaddress = [\"192.0.2.1/24\"]\n";
        let path = files.write("etc/vrrpd.toml", 0o644, text);
        let origin = Origin::Toml(path.clone());
        assert!(warnings(&origin).is_empty());
        files.set(&path, 0o646);
        assert!(warnings(&origin)[0].contains("vrrpd.toml can be written by others than root"));
        files.set(&path, 0o644);
        files.set(Path::new("etc"), 0o777);
        assert!(
            warnings(&origin)[0].contains("etc can be written by others than root (everybody may write)")
        );
        files.set(Path::new("etc"), 0o755);
        std::os::unix::fs::chown(files.0.join("etc"), Some(12_345), None).unwrap();
        assert!(warnings(&origin)[0].contains("it belongs to user 12345"));
    }

    #[test]
    fn what_has_no_effect_is_told_too() {
        let files = Files::new("advice");
        let text = "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\npriority = 255\n\
                    track_interface = [{ interface = \"eth1\", weight = -5 }]\nvirtual_ipaddress = [\"192.0.2.1/24\"]\n";
        let origin = Origin::Toml(files.write("vrrpd.toml", 0o644, text));
        assert_eq!(warnings(&origin), ["A: weight -5 of `eth1` does not count with priority 255"]);
    }

    #[test]
    fn so_is_an_included_file_and_a_directory_that_all_of_is_included() {
        let files = Files::new("keepalived");
        let path = files.write("k.conf", 0o644, "include one/a.conf\ninclude two/*.conf\n");
        files.write("one/a.conf", 0o644, ROUTER);
        files.write("two/b.txt", 0o644, "");
        let origin = Origin::Keepalived { path, config_id: None };
        assert!(warnings(&origin).is_empty());
        files.set(Path::new("one/a.conf"), 0o666);
        // Sticky: nobody can exchange a file there, but anybody can make one.
        files.set(Path::new("two"), 0o1777);
        let told = warnings(&origin);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told.iter().any(|one| one.contains("a.conf can"))
                && told.iter().any(|one| one.contains("two can"))
        );
    }
}
