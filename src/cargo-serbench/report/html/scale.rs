//! Maps values to coordinates in a picture.

/// A linear scale from values to coordinates.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub from: f64,
    pub to: f64,
    pub start: f64,
    pub end: f64,
}

impl Scale {
    /// The coordinate of `value`, clamped to the scale.
    pub fn at(&self, value: f64) -> f64 {
        let span = (self.to - self.from).max(f64::MIN_POSITIVE);
        let part = ((value - self.from) / span).clamp(0.0, 1.0);
        round(self.start + part * (self.end - self.start))
    }

    /// Whether the scale holds `value`.
    pub fn holds(&self, value: f64) -> bool {
        self.from <= value && value <= self.to
    }

    /// About five round values on the scale.
    pub fn ticks(&self) -> Vec<f64> {
        let rough = (self.to - self.from) / 5.0;
        let magnitude = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let first = (self.from / step).ceil();
        let ticks = (0..12).map(|number| (first + f64::from(number)) * step);
        ticks
            .take_while(|tick| *tick <= self.to + step * 1e-9)
            .collect()
    }
}

/// Rounds to a tenth of a pixel: more digits would only make the page larger.
pub fn round(coordinate: f64) -> f64 {
    (coordinate * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn ticks_are_round() {
        let scale = |from, to| Scale {
            from,
            to,
            start: 0.0,
            end: 100.0,
        };
        assert_eq!(scale(-10.0, 10.0).ticks(), [-10.0, -5.0, 0.0, 5.0, 10.0]);
        assert_eq!(scale(0.0, 2.5).ticks(), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
        assert!((scale(0.0, 2.5).at(1.0) - 40.0).abs() < 1e-9);
        assert!((scale(0.0, 2.5).at(9.0) - 100.0).abs() < 1e-9);
    }
}
