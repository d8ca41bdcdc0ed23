//! Which blocks matter most now, so that a budget too small for all decides as much as it can.

use super::{
    Policy,
    change::Comparison,
    confirm::Suspicions,
    screen::{self, Wanted},
};
use crate::run::Phase;

/// The blocks that matter most now. While the screen goes on, what is clearly slower is confirmed
/// first: noise could use up the whole budget.
pub(super) fn wanted<'a>(cases: &[Comparison<'a>], policy: &Policy) -> Wanted<'a> {
    let needs = screen::Needs::of(cases, policy);
    let for_screen = screen::left_of(cases, policy, Phase::Screen, policy.screen_share);
    let left = screen::left(cases, policy);
    let in_turn: [&dyn Fn() -> Wanted<'a>; 5] = [
        &|| needs.first(for_screen),
        &|| match needs.is_empty() {
            true => Wanted::default(),
            false => Suspicions::during_screen(cases, policy).clear(cases, policy),
        },
        &|| needs.first(left),
        &|| needs.more(),
        &|| Suspicions::new(cases, policy).wanted(policy),
    ];
    let first = in_turn.iter().map(|wanted| wanted());
    let mut first = first.filter(|wanted| !wanted.is_empty());
    first.next().unwrap_or_else(|| match left > 0.0 {
        true => needs.cheapest(),
        false => Wanted::default(),
    })
}
