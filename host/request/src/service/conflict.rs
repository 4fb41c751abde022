//! How often, and after how long, a request runs again that met another one's transaction.

use std::time::Duration;

use rand::Rng as _;

/// So often it runs again before it is answered with 503, for one or two seconds in all. With 64
/// clients who change 1000 tasks at random, 8 were too few for one request of some thousands.
const RETRIES: u32 = 12;
/// The first pause; it doubles up to the longest, and half of it is chance.
const FIRST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(256);

/// The pause after so many conflicts that were followed by another try, or that it is enough.
pub(super) fn pause(conflicts: u32) -> Option<Duration> {
    let chance = rand::rng().random_range(0.5..1.0);
    (conflicts < RETRIES).then(|| (FIRST * 2u32.pow(conflicts)).min(LONGEST).mul_f64(chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_end() {
        let pauses: Vec<_> = (0..).map_while(pause).collect();
        assert_eq!(pauses.len(), RETRIES as usize);
        for (conflicts, pause) in pauses.into_iter().enumerate() {
            let whole = (FIRST * 2u32.pow(conflicts as u32)).min(LONGEST);
            assert!(
                whole / 2 <= pause && pause < whole,
                "{conflicts}: {pause:?}"
            );
        }
    }
}
