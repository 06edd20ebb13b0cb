//! The table of keys is the only place where a key is declared: everything that is made of it has all of them.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read is a failed test")]

use std::{collections::BTreeSet, env, fs, path::Path};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value as Json;

const EVERY_KEY: &str = include_str!("../../examples/every-key.toml");

/// The text of a file below the root of the workspace.
fn read(path: &str) -> String {
    fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)).unwrap()
}

/// Compares with a file below the root of the workspace. `UPDATE_EXPECT=1` writes it.
fn holds(path: &str, expected: &str) {
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path), expected).unwrap();
    }
    assert_eq!(read(path), expected, "{path} is not what the table of keys says; UPDATE_EXPECT=1 writes it");
}

/// A document with the rows of each table that a line `<!-- keys: GROUP ... -->` announces.
fn with_rows(document: &str) -> (String, Vec<String>) {
    let (mut out, mut groups) = (String::new(), Vec::new());
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        out += &format!("{line}\n");
        let Some(names) = line.strip_prefix("<!-- keys: ").and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        // An empty line, so that the comment is no part of the table, and the table's head.
        (0..3).for_each(|_| out += &format!("{}\n", lines.next().unwrap()));
        for name in names.split(' ') {
            out += &vrrp_config::rows(name).unwrap();
            groups.push(name.rsplit('.').next().unwrap().to_owned());
        }
        let rest = lines.by_ref().skip_while(|line| line.starts_with('|'));
        out += &format!("{}\n", rest.take(1).next().unwrap_or_default());
    }
    (out, groups)
}

#[test]
fn the_tables_of_the_documentation_are_the_table_of_keys() {
    let (expected, groups) = with_rows(&read("docs/configuration.md"));
    holds("docs/configuration.md", &expected);
    let missing: Vec<_> =
        vrrp_config::groups().filter(|(name, _)| !groups.contains(&(*name).to_owned())).collect();
    assert!(missing.is_empty(), "in no table of docs/configuration.md: {missing:?}");
}

#[test]
fn the_dictionary_of_the_fuzzer_has_every_word() {
    let path = "fuzz/dictionaries/config.dict";
    let text = read(path);
    let (comments, words): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let ours = vrrp_config::words().into_iter().map(|word| format!("\"{word}\""));
    let all: BTreeSet<String> = words.into_iter().map(ToOwned::to_owned).chain(ours).collect();
    let lines: Vec<String> = comments.into_iter().map(ToOwned::to_owned).chain(all).collect();
    holds(path, &(lines.join("\n") + "\n"));
}

/// A key that is added to the table is used, told in the changelog, and nothing else: all of this has it by itself.
#[test]
fn every_key_is_in_all_that_is_made_of_the_table() {
    let (words, schema) = (vrrp_config::words(), vrrp_config::schema());
    let known: Vec<&str> = EVERY_KEY.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut seen = 0;
    for (group, keys) in vrrp_config::groups() {
        let rows = vrrp_config::rows(group).unwrap();
        assert_eq!(rows.lines().count(), keys.len(), "{group}");
        for key in keys {
            assert!(rows.contains(&format!("| `{key}` | ")), "{key} is not documented:\n{rows}");
            assert!(words.iter().any(|word| word == key), "{key} is no word of the fuzzer's");
            assert!(schema.contains(&format!("\"{key}\": {{")), "{key} is not in the schema");
            assert!(known.contains(&key), "{key} is not in examples/every-key.toml");
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} keys");
}

/// A key that no configuration has shows what there could be.
#[test]
fn every_key_is_suggested_to_who_mistypes_it() {
    let schema: Json = serde_json::from_str(&vrrp_config::schema()).unwrap();
    let tables = schema["properties"].as_object().unwrap().iter();
    let mut seen = 0;
    for (kind, table) in tables.filter(|(_, table)| table["additionalProperties"].is_object()) {
        let keys = table["additionalProperties"]["properties"].as_object().unwrap().keys();
        // Short keys are as near to each other as to what was meant.
        for key in keys.filter(|key| key.len() > 6) {
            let text = format!("[{kind}.a]\n{key}x = 1\n");
            let said = vrrp_config::parse("typed.toml", &text).unwrap_err().to_string();
            assert!(said.contains(&format!("did you mean `{key}`?")), "{said}");
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} keys");
}

/// The schema, as editors use it.
struct Editor(Schemas, SchemaIndex);

impl Editor {
    fn new() -> Self {
        let schema: Json = serde_json::from_str(&vrrp_config::schema()).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource("vrrpd.json", schema).unwrap();
        let index = compiler.compile("vrrpd.json", &mut schemas).unwrap();
        Self(schemas, index)
    }

    /// What it underlines.
    fn judge(&self, text: &str) -> Result<(), String> {
        let value: Json = toml::from_str(text).unwrap();
        self.0.validate(&value, self.1).map_err(|error| format!("{error:#}"))
    }
}

#[test]
fn the_schema_takes_every_example_and_every_block_of_the_documentation() {
    let editor = Editor::new();
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"));
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "toml"));
    let mut texts: Vec<String> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let text = read("docs/configuration.md");
    texts.extend(text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()));
    assert!(texts.len() > 15, "only {} texts", texts.len());
    let written = vrrp_config::to_toml(&vrrp_config::parse("every-key.toml", EVERY_KEY).unwrap());
    for text in texts.iter().chain([&written]) {
        editor.judge(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    }
}

#[test]
fn the_schema_underlines_what_vrrpd_refuses() {
    let editor = Editor::new();
    let router = "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"192.0.2.1\"]\n";
    editor.judge(router).unwrap();
    for (text, place) in [
        ("", "missing properties 'vrrp_instance'"),
        (&*format!("{router}prioritiy = 1\n"), "'prioritiy' not allowed"),
        (&format!("{router}priority = 256\n"), "/vrrp_instance/A/priority'"),
        (&format!("{router}advert_int = 1\n"), "/vrrp_instance/A/advert_int'"),
        (&format!("{router}advert_int = \"1 s\"\n"), "/vrrp_instance/A/advert_int'"),
        (&format!("{router}preempt = \"no\"\n"), "/vrrp_instance/A/preempt'"),
        (&format!("{router}state = \"backup\"\n"), "/vrrp_instance/A/state'"),
        (&format!("{router}mcast_src_ip = \"192.0.2.300\"\n"), "/vrrp_instance/A/mcast_src_ip'"),
        (&format!("{router}garp = {{ repeats = 1 }}\n"), "'repeats' not allowed"),
        (&format!("{router}track_script = [{{ weight = 1, nam = \"a\" }}]\n"), "/track_script/0'"),
        (&format!("{router}notify = {{ script = \"/x\", timeout = 1 }}\n"), "/vrrp_instance/A/notify'"),
        (
            &format!("{router}interface = \"eth0\"\n")
                .replace("interface = \"eth0\"\nvirtual_r", "virtual_r")
                .replacen("virtual_router_id = 1\n", "", 1),
            "'virtual_router_id'",
        ),
        (&format!("router_id = \"\"\n{router}"), "/router_id'"),
        (&format!("{router}[vrrp_tcp.a]\n"), "missing properties 'address'"),
    ] {
        assert!(vrrp_config::parse("typed.toml", text).is_err(), "{text}");
        let said = editor.judge(text).unwrap_err();
        assert!(said.contains(place), "{place}\n{said}");
    }
}
