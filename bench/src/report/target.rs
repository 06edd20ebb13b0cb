//! What was promised, and what became of it.

use serde::Serialize;

use crate::Figure;

/// Names a quantity: suite, case, metric.
pub type Quantity = (&'static str, String, &'static str);

/// A promise: a statistic of a quantity of vrrpd's, or its ratio to another's, within a bound.
#[derive(Clone, Debug)]
pub struct Target {
    text: String,
    quantity: Quantity,
    contender: &'static str,
    statistic: &'static str,
    to: Option<&'static str>,
    bound: Bound,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What became of a promise.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What was promised, with its bound.
    pub text: String,
    /// What was measured.
    pub value: Option<f64>,
    /// Whether it was kept. What was not measured was not kept.
    pub met: bool,
}

impl Target {
    /// A statistic (`median`, `p95`, `p99`, `max`) of vrrpd's figure is at most this.
    #[must_use]
    pub const fn at_most(text: String, quantity: Quantity, statistic: &'static str, limit: f64) -> Self {
        Self { text, quantity, contender: "vrrpd", statistic, to: None, bound: Bound::AtMost(limit) }
    }

    /// The same, at least.
    #[must_use]
    pub const fn at_least(text: String, quantity: Quantity, statistic: &'static str, limit: f64) -> Self {
        Self { text, quantity, contender: "vrrpd", statistic, to: None, bound: Bound::AtLeast(limit) }
    }

    /// Not the value counts, but its ratio to that of another contender.
    #[must_use]
    pub fn relative_to(self, contender: &'static str) -> Self {
        Self { to: Some(contender), ..self }
    }

    /// Not vrrpd's value counts, but that of another contender, such as vrrpd in another mode.
    #[must_use]
    pub fn of(self, contender: &'static str) -> Self {
        Self { contender, ..self }
    }

    /// Holds it against what was measured.
    pub(super) fn judge(&self, figures: &[Figure]) -> Outcome {
        let value = match self.to {
            None => self.statistic(figures, self.contender),
            Some(other) => self
                .statistic(figures, self.contender)
                .zip(self.statistic(figures, other))
                .map(|(own, other)| own / other),
        };
        let (sign, met) = match self.bound {
            Bound::AtMost(limit) => (format!("≤ {limit}"), value.is_some_and(|value| value <= limit)),
            Bound::AtLeast(limit) => (format!("≥ {limit}"), value.is_some_and(|value| value >= limit)),
        };
        let to = self.to.map(|other| format!(", as a ratio to {other}")).unwrap_or_default();
        Outcome { text: format!("{}{to} {sign}", self.text), value, met }
    }

    fn statistic(&self, figures: &[Figure], contender: &str) -> Option<f64> {
        let (suite, case, metric) = &self.quantity;
        let figure = figures.iter().find(|figure| {
            (figure.suite, &figure.case, figure.metric) == (*suite, case, *metric)
                && figure.contender == contender
        })?;
        match self.statistic {
            "median" => Some(figure.median),
            "p95" => Some(figure.p95),
            "p99" => Some(figure.p99),
            "max" => Some(figure.max),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Vec<Figure> {
        let key = ("takeover", "SIGKILL", "lateness", "ms");
        [("vrrpd", 2.0), ("keepalived", 4.0)]
            .into_iter()
            .filter_map(|(contender, value)| Figure::new(key, contender, &[value]))
            .collect()
    }

    fn late(statistic: &'static str, limit: f64) -> Target {
        let quantity = ("takeover", "SIGKILL".to_owned(), "lateness");
        Target::at_most("late".to_owned(), quantity, statistic, limit)
    }

    #[test]
    fn a_value_and_a_ratio_are_held_against_their_bounds() {
        assert!(late("median", 2.0).judge(&figures()).met);
        assert!(!late("median", 1.9).judge(&figures()).met);
        let ratio = late("max", 0.5).relative_to("keepalived").judge(&figures());
        assert!(ratio.met);
        assert_eq!(ratio.text, "late, as a ratio to keepalived ≤ 0.5");
    }

    #[test]
    fn what_was_not_measured_is_not_kept() {
        let quantity = ("arp", "flood".to_owned(), "answers");
        let outcome = Target::at_least("answers".to_owned(), quantity, "median", 1.0).judge(&figures());
        assert!(!outcome.met && outcome.value.is_none());
        assert!(!late("no such statistic", 9.0).judge(&figures()).met);
    }
}
