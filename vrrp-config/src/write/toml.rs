//! A tree as TOML.

use super::spell::{quote, quote_key};
use crate::tree::{Entry, Node, Table, Tree, Value};

impl Tree {
    /// The TOML that reads as this tree. Secrets are in it in clear.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        add_table(&mut out, &self.top);
        for section in &self.sections {
            if !out.is_empty() {
                out.push('\n');
            }
            let head = format!("[{}.{}]", section.kind.word(), quote_key(&section.name));
            add_line(&mut out, &head, section.node.comment.as_deref());
            // What is no table cannot stand below a head: no such tree is judged well.
            section.node.value.as_table().into_iter().for_each(|table| add_table(&mut out, table));
        }
        out
    }
}

fn add_table(out: &mut String, table: &Table) {
    for entry in &table.entries {
        let key = quote_key(&entry.key);
        let comment = entry.node.comment.as_deref();
        let Some(list) = entry.node.value.as_list().filter(|list| is_long(list)) else {
            add_line(out, &format!("{key} = {}", inline(&entry.node.value)), comment);
            continue;
        };
        add_line(out, &format!("{key} = ["), comment);
        for node in list {
            add_line(out, &format!("    {},", inline(&node.value)), node.comment.as_deref());
        }
        out.push_str("]\n");
    }
    for remark in &table.remarks {
        add_line(out, "", Some(remark));
    }
}

/// Tells lists whose entries have a line each.
fn is_long(list: &[Node]) -> bool {
    list.len() > 1 || list.iter().any(|node| node.comment.is_some())
}

fn add_line(out: &mut String, text: &str, comment: Option<&str>) {
    out.push_str(text);
    if let Some(comment) = comment {
        let gap = if text.is_empty() { "" } else { "  " };
        // Names of files and words may hold anything; a comment holds no control character, and ends with its line.
        *out += &format!("{gap}# {}", comment.replace(char::is_control, "\u{fffd}"));
    }
    out.push('\n');
}

/// A value on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(text) | Value::Datetime(text) => text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::List(list) => {
            let entries: Vec<_> = list.iter().map(|node| inline(&node.value)).collect();
            format!("[{}]", entries.join(", "))
        }
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let entry = |entry: &Entry| format!("{} = {}", quote_key(&entry.key), inline(&entry.node.value));
            let entries = table.entries.iter().map(entry);
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}
