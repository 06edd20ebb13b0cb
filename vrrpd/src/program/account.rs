//! Accounts that programs run under.

use std::{ffi::CString, path::PathBuf};

use nix::unistd::{Gid, Group, Uid, User as Entry, getegid, geteuid, getgrouplist};

use super::ProgramError;
use vrrp_config::User;

/// Account that a program runs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// All groups, to be set together with user and group; `None`: the daemon's own user, nothing is changed.
    pub(super) groups: Option<Vec<u32>>,
    /// As the password file has it; the number without an entry.
    pub(super) name: String,
    pub(super) home: PathBuf,
    pub(super) shell: PathBuf,
}

impl Account {
    /// Looks the user up. Blocks: names may come over the network.
    pub(super) fn of(user: Option<&User>) -> Result<Self, ProgramError> {
        let Some(User { user, group }) = user else { return Ok(Self::own()) };
        let failed = |source: nix::Error| ProgramError::Lookup { name: user.clone(), source: source.into() };
        let number = user.parse::<u32>().ok();
        let entry = match number {
            Some(uid) => Entry::from_uid(Uid::from_raw(uid)).map_err(failed)?,
            None => Entry::from_name(user).map_err(failed)?,
        };
        let uid = entry.as_ref().map(|entry| entry.uid.as_raw()).or(number);
        let uid = uid.ok_or_else(|| ProgramError::NoUser(user.clone()))?;
        let primary = entry.as_ref().map(|entry| entry.gid.as_raw());
        let gid = match group {
            Some(group) => group_number(group)?,
            None => primary.ok_or(ProgramError::GroupUnknown(uid))?,
        };
        let groups = match &entry {
            Some(entry) => supplementary(&entry.name, gid).map_err(failed)?,
            None => vec![gid],
        };
        Ok(Self::with(entry, uid, gid, Some(groups)))
    }

    /// The user that the daemon runs as.
    fn own() -> Self {
        let (uid, gid) = (geteuid(), getegid());
        // Without an entry it still is who it is.
        let entry = Entry::from_uid(uid).ok().flatten();
        Self::with(entry, uid.as_raw(), gid.as_raw(), None)
    }

    fn with(entry: Option<Entry>, uid: u32, gid: u32, groups: Option<Vec<u32>>) -> Self {
        let (name, home, shell) = entry
            .map(|entry| (entry.name, entry.dir, entry.shell))
            .unwrap_or_else(|| (uid.to_string(), "/".into(), "/bin/sh".into()));
        Self { uid, gid, groups, name, home, shell }
    }

    pub(super) const fn is_root(&self) -> bool {
        self.uid == 0
    }
}

fn group_number(name: &str) -> Result<u32, ProgramError> {
    if let Ok(gid) = name.parse() {
        return Ok(gid);
    }
    let found = Group::from_name(name)
        .map_err(|source| ProgramError::Lookup { name: name.to_owned(), source: source.into() })?;
    found.map(|group| group.gid.as_raw()).ok_or_else(|| ProgramError::NoGroup(name.to_owned()))
}

fn supplementary(user: &str, gid: u32) -> Result<Vec<u32>, nix::Error> {
    let user = CString::new(user).map_err(|_zero| nix::Error::from_raw(libc::EINVAL))?;
    let groups = getgrouplist(&user, Gid::from_raw(gid))?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}
