//! Regular expressions over benchmark ids, with the syntax of divan's own filters.

use regex_lite::Regex;

use crate::exit::Usage;

/// The filters of the command line; an id matches if one of them is found in it, or if there are none.
pub struct Filters(Vec<Regex>);

impl Filters {
    /// # Errors
    /// If a filter is not a regular expression.
    pub fn new(filters: &[String]) -> Result<Self, Usage> {
        filters
            .iter()
            .map(|filter| parse(filter))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub fn is_match(&self, id: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|filter| filter.is_match(id))
    }
}

fn parse(filter: &str) -> Result<Regex, Usage> {
    Regex::new(filter).map_err(|error| {
        Usage::new(format!(
            "FILTER is not a valid regular expression: `{filter}`: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::Filters;

    #[test]
    fn one_of_the_filters_is_found() {
        let filters = |filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(|it| (*it).to_owned()).collect();
            Filters::new(&filters)
        };
        let id = "json::serde_json::f64::100x50";
        assert!(filters(&[]).unwrap().is_match(id));
        assert!(filters(&["sonic", r"::f\d{2}::"]).unwrap().is_match(id));
        assert!(!filters(&["sonic", "^serde"]).unwrap().is_match(id));
        let error = filters(&["f64", "(a"]).err().unwrap();
        insta::assert_snapshot!(
            error.to_string(),
            @"FILTER is not a valid regular expression: `(a`: found open group without closing ')'"
        );
    }
}
