//! Safety of what runs as root: only what nobody but root can have written, as keepalived's `enable_script_security` has it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::ProgramError;
use crate::trust::{self, Exposed};
use vrrp_config::Program;

/// Looks at the program, at every other executable file that its command line names by an absolute path, and at all
/// directories on the way there. What does not exist is no matter here: it will not start.
pub(super) fn check(program: &Program) -> Result<(), ProgramError> {
    match program {
        Program::Direct(words) => {
            let (first, others) = words.split_first().ok_or(ProgramError::NoPath)?;
            check_file(Path::new(first))?;
            check_words(others.iter().map(String::as_str))
        }
        Program::Shell(line) => {
            check_words(line.split(|c: char| c.is_whitespace() || "|&;<>()$`'\"{}=".contains(c)))
        }
    }
}

fn check_words<'a>(words: impl Iterator<Item = &'a str>) -> Result<(), ProgramError> {
    let executable = |path: &&Path| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    words.filter(|word| word.starts_with('/')).map(Path::new).filter(executable).try_for_each(check_file)
}

fn check_file(file: &Path) -> Result<(), ProgramError> {
    trust::check(file).map_err(|Exposed { path, why }| ProgramError::Unsafe { path, why })
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::{chown, symlink},
        path::PathBuf,
    };

    use super::*;
    use crate::trust::Unsafe;

    fn scratch(name: &str) -> PathBuf {
        let dir = PathBuf::from(format!("/run/vrrpd-test-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("inner")).unwrap();
        fs::write(dir.join("inner/script"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(dir.join("inner/script"), PermissionsExt::from_mode(0o755)).unwrap();
        dir
    }

    fn refusal(program: &Program) -> Option<(PathBuf, Unsafe)> {
        match check(program) {
            Ok(()) => None,
            Err(ProgramError::Unsafe { path, why }) => Some((path, why)),
            Err(other) => panic!("{other}"),
        }
    }

    fn direct(path: &Path) -> Program {
        Program::Direct(vec![path.display().to_string()])
    }

    #[test]
    fn what_only_root_can_write_may_run() {
        let dir = scratch("good");
        assert_eq!(refusal(&direct(&dir.join("inner/script"))), None);
        assert_eq!(refusal(&Program::Shell("/bin/true | /bin/cat > /tmp/x".into())), None);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_script_that_others_can_write_is_refused() {
        let dir = scratch("file");
        let script = dir.join("inner/script");
        fs::set_permissions(&script, PermissionsExt::from_mode(0o757)).unwrap();
        assert_eq!(refusal(&direct(&script)), Some((script.clone(), Unsafe::Everybody)));
        fs::set_permissions(&script, PermissionsExt::from_mode(0o775)).unwrap();
        assert_eq!(refusal(&direct(&script)), None, "the group is root's");
        chown(&script, None, Some(12_345)).unwrap();
        assert_eq!(refusal(&direct(&script)), Some((script.clone(), Unsafe::Group(12_345))));
        chown(&script, Some(12_345), Some(0)).unwrap();
        assert_eq!(refusal(&direct(&script)), Some((script, Unsafe::Owner(12_345))));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn so_is_one_in_a_directory_that_others_can_write() {
        let dir = scratch("directory");
        fs::set_permissions(&dir, PermissionsExt::from_mode(0o777)).unwrap();
        let script = dir.join("inner/script");
        assert_eq!(refusal(&direct(&script)), Some((dir.clone(), Unsafe::Everybody)));
        fs::set_permissions(&dir, PermissionsExt::from_mode(0o1777)).unwrap();
        assert_eq!(refusal(&direct(&script)), None, "sticky: nobody can put another in its place");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn links_are_followed_through_every_directory() {
        let dir = scratch("links");
        let open = dir.join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
        symlink("../inner/script", open.join("hop")).unwrap();
        symlink("open/hop", dir.join("link")).unwrap();
        assert_eq!(refusal(&direct(&dir.join("link"))), Some((open, Unsafe::Everybody)));
        symlink("ring", dir.join("ring")).unwrap();
        assert_eq!(refusal(&direct(&dir.join("ring"))), Some((dir.join("ring"), Unsafe::Links)));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn scripts_named_in_a_line_are_looked_at_too() {
        let dir = scratch("line");
        let script = dir.join("inner/script");
        fs::set_permissions(&script, PermissionsExt::from_mode(0o777)).unwrap();
        let path = script.display();
        for program in [
            Program::Shell(format!("test -e /etc/passwd && {path}")),
            Program::Shell(format!("'{path}' || true")),
            Program::Direct(vec!["/bin/sh".into(), path.to_string()]),
        ] {
            assert_eq!(refusal(&program), Some((script.clone(), Unsafe::Everybody)), "{program:?}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
