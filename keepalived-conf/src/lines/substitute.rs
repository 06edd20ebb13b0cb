//! Definitions put in: `$NAME` and `${NAME}` in a line.

use vrrp_config::Place;

use super::{Feed, Lines, MAX_LINE};
use crate::{
    define::{Use, Value, next_use},
    report::Severity,
    text::Text,
};

impl Lines<'_> {
    /// The line with the values of the definitions it uses, once; `None` if it uses none.
    pub(super) fn substitute(&mut self, line: &Text) -> Option<Text> {
        let mut out = Text::default();
        let (mut done, mut from, mut changed) = (0, 0, false);
        while let Some(used) = next_use(line.as_str(), from) {
            from = used.end;
            let place = line.place(used.start..used.end);
            let Some(value) = self.value(&used, place, used.end == line.len()) else { continue };
            out.push(&line.slice(done..used.start));
            out.push(&value);
            (done, changed) = (used.end, true);
            // The variables of a repetition are not known before it runs.
            if value.as_str().trim_start().starts_with('~') || out.len() > MAX_LINE {
                break;
            }
        }
        out.push(&line.slice(done..line.len()));
        changed.then_some(out)
    }

    fn value(&mut self, used: &Use<'_>, place: Place, ends_the_line: bool) -> Option<Text> {
        match self.definitions.value(used.name).cloned() {
            Some(Value::Line(value)) => Some(Text::standing_for(value, place)),
            Some(Value::Block(lines)) if ends_the_line => {
                let first = lines.first().cloned().unwrap_or_default();
                if lines.len() > 1 {
                    self.push(Feed::Block { lines, next: 1 }, place);
                }
                Some(first)
            }
            Some(Value::Block(_)) => {
                let title = format!("`${}` has several lines", used.name);
                self.faults.push(
                    place,
                    title,
                    "must be the last on its line",
                    "give what follows its own line",
                );
                Some(Text::default())
            }
            None => Some(Text::standing_for(self.predefined(used, place)?, place)),
        }
    }

    fn predefined(&mut self, used: &Use<'_>, place: Place) -> Option<String> {
        match used.name {
            "_PWD" => Some(self.directory().display().to_string()),
            "_INSTANCE" => Some(self.config_id.clone()),
            "_HASH" => Some("#".to_owned()),
            "_BANG" => Some("!".to_owned()),
            "_RANDOM" => {
                let least = used.parameters.split(' ').next().filter(|word| !word.is_empty());
                let least = least.unwrap_or("0").to_owned();
                let note = format!("stands for {least} here, for another number at each start of keepalived");
                self.report.push(Severity::Different, place, "${_RANDOM}", note);
                Some(least)
            }
            _ => None,
        }
    }
}
