//! The embedded default, and what the command line changes in it.

use super::{Config, Problems, read, write::quote};

/// Configuration that the daemon runs on without a file: VRID 51, priority 100, version 3, 1 s, 192.0.2.51/32 on eth0.
pub const EMBEDDED: &str = include_str!("default.toml");

/// Settings from the command line, as they were typed. What is `None` or empty stays as in [`EMBEDDED`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--iface`.
    pub iface: Option<String>,
    /// `--vrid`.
    pub vrid: Option<String>,
    /// `--priority`.
    pub priority: Option<String>,
    /// `--address`, any number of them.
    pub addresses: Vec<String>,
    /// `--advert-int`, with its unit.
    pub advert_int: Option<String>,
    /// `--version`.
    pub version: Option<String>,
}

impl Overrides {
    /// The embedded default with these settings in it, for the host called `host`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, each named with its flag.
    pub fn apply(&self, host: &str) -> Result<Config, Problems> {
        read("command line", self.to_toml().as_bytes(), host)
    }

    /// The text of the embedded default with these settings in it, each marked with its flag.
    #[must_use]
    pub fn to_toml(&self) -> String {
        EMBEDDED.lines().map(|line| self.line(line) + "\n").collect()
    }

    fn line(&self, line: &str) -> String {
        let Some((key, _)) = line.split_once(" = ") else {
            return line.to_owned();
        };
        let list: Vec<String> = self.addresses.iter().map(|address| quote(address)).collect();
        let (flag, value) = match key {
            "interface" => ("--iface", self.iface.as_deref().map(quote)),
            "virtual_router_id" => ("--vrid", self.vrid.as_deref().map(number)),
            "version" => ("--version", self.version.as_deref().map(number)),
            "priority" => ("--priority", self.priority.as_deref().map(number)),
            "advert_int" => ("--advert-int", self.advert_int.as_deref().map(quote)),
            "virtual_ipaddress" => {
                ("--address", (!list.is_empty()).then(|| format!("[{}]", list.join(", "))))
            }
            _ => ("", None),
        };
        value.map_or_else(|| line.to_owned(), |value| format!("{key} = {value}  # {flag}"))
    }
}

/// A number as TOML writes it; anything else as a string, to be found wrong where it stands.
fn number(typed: &str) -> String {
    typed.parse::<i64>().map_or_else(|_| quote(typed), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_default_is_what_the_help_says() {
        let config = Overrides::default().apply("gw1").unwrap();
        let [router] = &config.routers[..] else { panic!("one router") };
        assert_eq!((router.vrid.as_u8(), router.priority.as_u8(), router.version.as_u8()), (51, 100, 3));
        assert_eq!(router.addresses[0].address.to_string(), "192.0.2.51");
        assert_eq!((router.addresses[0].prefix_len, router.interface.as_str()), (32, "eth0"));
        assert_eq!(Overrides::default().to_toml(), EMBEDDED);
    }

    #[test]
    fn every_flag_has_its_effect() {
        let text = |text: &str| Some(text.to_owned());
        let config = Overrides {
            iface: text("wan0"),
            vrid: text("7"),
            priority: text("200"),
            addresses: vec!["10.0.0.1/24".to_owned(), "10.0.0.2".to_owned()],
            advert_int: text("2s"),
            version: text("2"),
        };
        let router = config.apply("gw1").unwrap().routers.remove(0);
        assert_eq!((router.vrid.as_u8(), router.priority.as_u8(), router.version.as_u8()), (7, 200, 2));
        assert_eq!((router.interface.as_str(), router.addresses.len()), ("wan0", 2));
        assert_eq!(router.advert_int.as_seconds(), Some(2));
    }

    #[test]
    fn a_bad_flag_is_named() {
        let overrides = Overrides {
            vrid: Some("300".to_owned()),
            priority: Some("high\"\n".to_owned()),
            advert_int: Some("1".to_owned()),
            ..Overrides::default()
        };
        let problems = overrides.apply("gw1").unwrap_err();
        let text = problems.to_string();
        assert_eq!(problems.count(), 3, "{text}");
        for flag in ["--vrid", "--priority", "--advert-int"] {
            assert!(text.contains(flag), "{text}");
        }
    }
}
