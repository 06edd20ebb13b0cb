//! A measured quantity: its samples, and what is said of them.

use serde::Serialize;

/// Points of the distribution that are kept for plots.
const POINTS: usize = 101;

/// One quantity of one contender in one case.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// That of the suite.
    pub suite: &'static str,
    /// The circumstances: `SIGKILL, 10 ms, idle`.
    pub case: String,
    /// What was measured: `lateness`.
    pub metric: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Whose it is: `vrrpd`.
    pub contender: &'static str,
    /// How many samples.
    pub n: usize,
    /// Half of the samples are not above this.
    pub median: f64,
    /// 95 of 100 are not above this.
    pub p95: f64,
    /// 99 of 100 are not above this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// The smallest.
    pub min: f64,
    /// Whether what was measured had not ended when the watch did: the values are lower bounds.
    pub open_ended: bool,
    /// Whether it belongs into the short table.
    pub headline: bool,
    /// Where it stands on a curve of the same metric, if there is one.
    pub along: Option<Along>,
    /// Evenly spaced quantiles, from the smallest sample to the largest.
    pub quantiles: Vec<f64>,
}

/// A point on a curve: figures of one suite, metric, contender and group are joined by a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Along {
    /// What grows to the right: `routers`.
    pub of: &'static str,
    /// Where the figure stands; above 0.
    pub at: f64,
    /// What else the points of the line have in common: `10 ms adverts`.
    pub group: String,
}

impl Figure {
    /// Sums up samples. `None` if there are none.
    #[must_use]
    pub fn new(
        key: (&'static str, &str, &'static str, &'static str),
        contender: &'static str,
        samples: &[f64],
    ) -> Option<Self> {
        let (suite, case, metric, unit) = key;
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let points = POINTS.min(sorted.len());
        let quantiles =
            (0..points).map(|point| quantile(&sorted, point as f64 / (points.max(2) - 1) as f64)).collect();
        Some(Self {
            suite,
            case: case.to_owned(),
            metric,
            unit,
            contender,
            n: sorted.len(),
            median: quantile(&sorted, 0.5),
            p95: quantile(&sorted, 0.95),
            p99: quantile(&sorted, 0.99),
            max,
            min,
            open_ended: false,
            headline: false,
            along: None,
            quantiles,
        })
    }

    /// Says that the samples are lower bounds.
    #[must_use]
    pub fn open_ended(self, open_ended: bool) -> Self {
        Self { open_ended, ..self }
    }

    /// Says whether it belongs into the short table.
    #[must_use]
    pub fn headline(self, headline: bool) -> Self {
        Self { headline, ..self }
    }

    /// Puts it on a curve.
    #[must_use]
    pub fn along(self, of: &'static str, at: f64, group: String) -> Self {
        Self { along: Some(Along { of, at, group }), ..self }
    }

    /// Whether both are the same quantity in the same case.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.suite, &self.case, self.metric) == (other.suite, &other.case, other.metric)
    }
}

/// The smallest sample that so large a part of all samples does not exceed. `sorted` is not empty.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str, &str, &str) = ("takeover", "case", "lateness", "ms");

    #[test]
    fn of_no_samples_nothing_is_said() {
        assert!(Figure::new(KEY, "vrrpd", &[]).is_none());
    }

    #[test]
    fn ranks_are_those_of_samples_that_were_measured() {
        let samples: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        let figure = Figure::new(KEY, "vrrpd", &samples).unwrap();
        assert_eq!((figure.n, figure.min, figure.max), (20, 1.0, 20.0));
        assert_eq!((figure.median, figure.p95, figure.p99), (10.0, 19.0, 20.0));
        assert_eq!(figure.quantiles.len(), 20);
    }

    #[test]
    fn one_sample_is_all_of_them() {
        let figure = Figure::new(KEY, "vrrpd", &[3.0]).unwrap();
        assert_eq!((figure.median, figure.p95, figure.max, figure.quantiles), (3.0, 3.0, 3.0, vec![3.0]));
    }
}
