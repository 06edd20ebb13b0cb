//! Texts of keepalived's configuration.

use std::{
    io,
    path::{Path, PathBuf},
};

use keepalived_conf::{Surroundings, import};

/// Two files: what comes before the first byte 0xff, and what the first may include.
struct Files<'a>([&'a [u8]; 2]);

impl Surroundings for Files<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let [first, second] = self.0;
        Ok(if path == Path::new(FIRST) { first } else { second }.to_vec())
    }

    fn matching(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        // A pattern that matches nothing, one file, or itself.
        Ok(if pattern.contains('?') { Vec::new() } else { vec![PathBuf::from(pattern)] })
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.ends_with("directory")
    }

    fn host_name(&self) -> String {
        "fuzz".to_owned()
    }

    fn has_user(&self, name: &str) -> bool {
        name == "keepalived_script"
    }
}

const FIRST: &str = "/etc/keepalived/keepalived.conf";

pub(crate) fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0xff);
    let files = Files([parts.next().unwrap_or_default(), parts.next().unwrap_or_default()]);
    match import(Path::new(FIRST), None, &files) {
        Err(error) => assert!(!error.render(false).is_empty() && !error.render(true).is_empty()),
        Ok(imported) => {
            let _shown = imported.report.to_string();
            let table = toml::from_str::<toml::Table>(&imported.toml());
            assert!(table.is_ok(), "no TOML:\n{}\n{table:?}", imported.toml());
            if let Err(error) = imported.config() {
                assert!(!error.render(false).is_empty());
            }
        }
    }
}
