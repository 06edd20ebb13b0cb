//! Files that are nowhere but in a test.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use keepalived_conf::{ImportError, Imported, Severity, Surroundings, import};
use vrrp_config::Config;

/// A host called `gw1` with some files.
pub(crate) struct Host {
    files: BTreeMap<PathBuf, Vec<u8>>,
    users: Vec<&'static str>,
}

impl Host {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
        Self { files: files.collect(), users: Vec::new() }
    }

    /// With the files of a directory.
    pub(crate) fn of_files(directory: &Path) -> Self {
        let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let files = paths.map(|path| (path.clone(), fs::read(&path).unwrap()));
        Self { files: files.collect(), users: Vec::new() }
    }

    pub(crate) fn with_user(mut self, user: &'static str) -> Self {
        self.users.push(user);
        self
    }

    pub(crate) fn import(&self, config_id: Option<&str>) -> Result<Imported, ImportError> {
        self.import_at(Path::new("/etc/keepalived/keepalived.conf"), config_id)
    }

    pub(crate) fn import_at(&self, path: &Path, config_id: Option<&str>) -> Result<Imported, ImportError> {
        import(path, config_id, self)
    }
}

impl Surroundings for Host {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn matching(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        let pattern = glob::Pattern::new(pattern).map_err(io::Error::other)?;
        Ok(self.files.keys().filter(|path| pattern.matches_path(path)).cloned().collect())
    }

    fn is_directory(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file != path && file.starts_with(path))
    }

    fn host_name(&self) -> String {
        "gw1".to_owned()
    }

    fn has_user(&self, name: &str) -> bool {
        self.users.contains(&name)
    }
}

/// What comes of `text` alone.
pub(crate) fn convert(text: &str) -> Imported {
    Host::new(&[("/etc/keepalived/keepalived.conf", text)])
        .import(None)
        .unwrap_or_else(|error| panic!("{text}\n{}", error.render(false)))
}

/// What vrrpd runs on with `text`.
pub(crate) fn run(text: &str) -> Config {
    let imported = convert(text);
    imported.config().unwrap_or_else(|error| panic!("{}\n{}", imported.toml(), error.render(false)))
}

/// What is said of `text`, whose settings are well as they are written, and do not go together.
pub(crate) fn contradicting(text: &str) -> String {
    let imported = convert(text);
    match imported.config() {
        Ok(_) => panic!("{text}\nis a configuration:\n{}", imported.toml()),
        Err(error) => error.render(false),
    }
}

/// What is said of `text`, which is broken.
pub(crate) fn broken(text: &str) -> String {
    match Host::new(&[("/etc/keepalived/keepalived.conf", text)]).import(None) {
        Ok(imported) => panic!("{text}\nis imported:\n{}", imported.toml()),
        Err(error) => error.render(false),
    }
}

/// An instance with `settings`.
pub(crate) fn instance(settings: &str) -> String {
    format!(
        "vrrp_instance VI {{\n  interface eth0\n  virtual_router_id 51\n  virtual_ipaddress {{\n    192.0.2.1/24\n  }}\n\
         {settings}\n}}\n"
    )
}

/// Severity, line and keyword of each entry.
pub(crate) fn said(imported: &Imported) -> Vec<(Severity, usize, String)> {
    let entries = imported.report.entries().iter();
    entries.map(|entry| (entry.severity, entry.line, entry.keyword.clone())).collect()
}
