//! Texts of a configuration.

use vrrp_config::{describe, read, to_toml};

pub(crate) fn run(data: &[u8]) {
    match read("fuzz.toml", data, "gw1") {
        Err(problems) => {
            assert!(problems.count() > 0);
            let plain = problems.render(false);
            assert!(plain.contains("fuzz.toml"), "{plain}");
            assert!(problems.render(true).len() >= plain.len());
        }
        Ok(config) => {
            let text = to_toml(&config);
            match read("written.toml", text.as_bytes(), "gw1") {
                Ok(again) => assert_eq!(again, config, "reads back as another:\n{text}"),
                Err(problems) => panic!("is not read back:\n{text}\n{problems}"),
            }
            assert!(!describe(&config).is_empty());
        }
    }
}
