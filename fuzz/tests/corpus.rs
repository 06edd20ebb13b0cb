//! The committed inputs, without libFuzzer.

#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read is a failed test")]

use std::{collections::BTreeSet, fs, path::Path};

use fuzz::{TARGETS, Target, receive::judge};
use vrrp_common::{receive::Discard, types::Version};

/// Targets and directories with more inputs for them, as `cargo xtask fuzz` has it.
const ELSEWHERE: [(&str, &str); 2] = [("config", "../examples"), ("config", "../vrrp-config/tests/config")];

/// Name and bytes of each input.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let own = format!("corpus/{target}");
    let more = ELSEWHERE.iter().filter(|(of, _)| *of == target).map(|(_, directory)| *directory);
    let directories = std::iter::once(own.as_str()).chain(more);
    let entries = directories
        .flat_map(|directory| fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut inputs: Vec<_> =
        paths.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    inputs.sort();
    inputs
}

#[test]
fn the_corpus_of_configurations_has_the_example_with_every_key() {
    assert!(corpus("config").iter().any(|(path, _)| path.ends_with("examples/every-key.toml")));
}

#[test]
fn every_committed_input_holds() {
    for Target { name, run, .. } in TARGETS {
        let inputs = corpus(name);
        assert!(inputs.len() >= 10, "the corpus of {name} has {} inputs", inputs.len());
        for (path, bytes) in inputs {
            // The test's output names the one that panics.
            println!("{path}");
            run(&bytes);
        }
    }
}

#[test]
fn the_corpus_reaches_every_rung_and_is_accepted_in_both_versions() {
    let judged: Vec<_> = corpus("receive").iter().filter_map(|(_, bytes)| judge(bytes)).collect();
    let reasons: BTreeSet<_> = judged.iter().filter_map(|(_, verdict)| verdict.err()).collect();
    let missing: Vec<_> = Discard::ALL.iter().filter(|discard| !reasons.contains(discard)).collect();
    assert!(missing.is_empty(), "no input is discarded for {missing:?}");
    for version in [Version::V2, Version::V3] {
        assert!(judged.iter().any(|(of, verdict)| *of == version && verdict.is_ok()), "{version:?}");
    }
}

#[test]
fn the_empty_and_the_longest_input_hold() {
    for Target { run, .. } in TARGETS {
        run(&[]);
        run(&[0x5b; 1 << 16]);
    }
}
