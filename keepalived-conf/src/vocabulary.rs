//! keepalived's keywords, and what becomes of each. The tables are what the conversion runs on and what
//! docs/from-keepalived.md shows, so that neither can differ from the other.

use vrrp_config::Table;

use super::{
    convert::{self, Context, Form, Moving as _},
    report::Severity,
    tree::Statement,
};

/// The fate of a keyword.
pub(crate) enum Act<T: 'static> {
    /// Its value is kept under the keyword.
    Keep(Form),
    /// The keyword is converted.
    Carry(fn(&mut T, &Statement, &mut Context<'_>)),
    /// The keyword is left out, and that is said.
    Leave(Severity),
}

/// One keyword in one kind of block.
pub(crate) struct Keyword<T: 'static> {
    pub(crate) name: &'static str,
    /// Its counterpart, as TOML has it; empty if there is none.
    pub(crate) toml: &'static str,
    /// For the report and the documentation.
    pub(crate) note: &'static str,
    pub(crate) act: Act<T>,
}

/// A keyword with one value.
pub(crate) const fn keep<T>(
    name: &'static str,
    toml: &'static str,
    note: &'static str,
    form: Form,
) -> Keyword<T> {
    Keyword { name, toml, note, act: Act::Keep(form) }
}

/// A converted keyword.
pub(crate) const fn carry<T>(
    name: &'static str,
    toml: &'static str,
    note: &'static str,
    with: fn(&mut T, &Statement, &mut Context<'_>),
) -> Keyword<T> {
    Keyword { name, toml, note, act: Act::Carry(with) }
}

/// A keyword that is left out: nothing is lost.
pub(crate) const fn harmless<T>(name: &'static str, note: &'static str) -> Keyword<T> {
    Keyword { name, toml: "", note, act: Act::Leave(Severity::Harmless) }
}

/// A keyword that is left out: vrrpd behaves in a way of its own there.
pub(crate) const fn different<T>(name: &'static str, note: &'static str) -> Keyword<T> {
    Keyword { name, toml: "", note, act: Act::Leave(Severity::Different) }
}

/// A keyword that is left out and missing.
pub(crate) const fn unsupported<T>(name: &'static str, note: &'static str) -> Keyword<T> {
    Keyword { name, toml: "", note, act: Act::Leave(Severity::Unsupported) }
}

/// A block in the making.
pub(crate) trait Target {
    /// Its settings: by keepalived's words until all of the file is read, then by ours.
    fn table(&mut self) -> &mut Table;

    /// Takes note that the keyword is there, whatever its value is worth.
    fn saw(&mut self, _keyword: &'static str) {}
}

/// Converts the statements of a block by its keywords.
pub(crate) fn walk<T: Target>(
    keywords: &[&[Keyword<T>]],
    target: &mut T,
    statements: &[Statement],
    context: &mut Context<'_>,
) {
    for statement in statements {
        let word = statement.keyword();
        let known = keywords.iter().copied().flatten().find(|keyword| keyword.name == word);
        match known {
            Some(Keyword { name, act: Act::Keep(form), .. }) => {
                target.saw(name);
                form.keep(name, target.table(), statement, context);
            }
            Some(Keyword { name, act: Act::Carry(with), .. }) => {
                target.saw(name);
                with(target, statement, context);
            }
            Some(Keyword { act: Act::Leave(severity), note, .. }) => {
                context.leave(target, *severity, statement, note);
            }
            None => unknown(keywords, target, statement, context),
        }
    }
}

/// A word that keepalived does not know here either. It ignores the line; of a block it takes the lines for settings of
/// the block around it, and the first brace for its end.
fn unknown<T: Target>(
    keywords: &[&[Keyword<T>]],
    target: &mut T,
    statement: &Statement,
    context: &mut Context<'_>,
) {
    let names = || keywords.iter().copied().flatten().map(|keyword| keyword.name);
    let is_within = !names().any(|name| name == "global_defs");
    let near = vrrp_config::nearest(statement.keyword(), names());
    let meant = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let (severity, note) = if statement.block.is_none() {
        (Severity::Harmless, "no keyword of this block: ignored, as in keepalived")
    } else if is_within {
        let note =
            "no keyword of this block in keepalived, which also ignores what follows in the block around it";
        (Severity::Different, note)
    } else {
        (Severity::Unsupported, "no keyword of this block in keepalived")
    };
    context.leave(target, severity, statement, &format!("{note}{meant}"));
}

/// Tells whether the word starts a block or a line outside all blocks.
pub(crate) fn is_top_level(word: &str) -> bool {
    convert::TOP.iter().any(|keyword| keyword.name == word)
}

/// Every keyword with what becomes of it, as Markdown.
#[must_use]
pub fn keyword_tables() -> String {
    let mut out = String::new();
    section(&mut out, "Outside all blocks", convert::TOP);
    section(&mut out, "`global_defs`", convert::GLOBAL);
    section(&mut out, "`vrrp_instance`", convert::INSTANCE);
    section(&mut out, "`vrrp_instance` and `vrrp_sync_group`: tracking", convert::Instance::TRACKING);
    section(&mut out, "`vrrp_instance` and `vrrp_sync_group`: notification", convert::Instance::NOTIFYING);
    section(&mut out, "`vrrp_sync_group`", convert::GROUP);
    section(&mut out, "`vrrp_script`", convert::SCRIPT);
    section(&mut out, "`vrrp_track_process`", convert::PROCESS);
    section(&mut out, "`track_file`, `vrrp_track_file`", convert::FILE);
    section(&mut out, "`authentication`", convert::AUTHENTICATION);
    out
}

fn section<T>(out: &mut String, title: &str, keywords: &[Keyword<T>]) {
    *out += &format!("### {title}\n\n| keepalived | vrrpd | |\n|---|---|---|\n");
    for Keyword { name, toml, note, act } in keywords {
        let fate = match act {
            Act::Keep(_) | Act::Carry(_) if toml.is_empty() => "limited",
            Act::Keep(_) | Act::Carry(_) => "supported",
            Act::Leave(Severity::Harmless) => "ignored, harmless",
            Act::Leave(Severity::Different) => "different",
            Act::Leave(Severity::Unsupported) => "not supported",
        };
        let toml = if toml.is_empty() { String::new() } else { format!("`{toml}`") };
        let note = if note.is_empty() { String::new() } else { format!(": {note}") };
        *out += &format!("| `{name}` | {toml} | {fate}{note} |\n");
    }
    out.push('\n');
}
