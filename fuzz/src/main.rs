//! libFuzzer's program, for the target that `VRRPD_FUZZ_TARGET` names. `cargo xtask fuzz` builds and starts it.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<fuzz::Target> = OnceLock::new();

fn target() -> fuzz::Target {
    let name = std::env::var("VRRPD_FUZZ_TARGET").unwrap_or_default();
    fuzz::target(&name).unwrap_or_else(|| {
        eprintln!("VRRPD_FUZZ_TARGET={name}: there is no such target; use cargo xtask fuzz");
        std::process::exit(2)
    })
}

fuzz_target!(|data: &[u8]| (TARGET.get_or_init(target).run)(data));
