//! Answers that must not tell who has an account by the time they take. Such a request goes one of a few ways: more
//! is done where there is an account, or less. Each way remembers how long it took of late, and waits until it has
//! taken as long as each other way did in one of these cases, drawn by lot, if that was longer. All so take the
//! longest of one time of each way, which is the same whichever way it was.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Random;
use tokio::time::Instant;

use crate::error::Error;
use crate::state::State;

/// How many times of a way are remembered.
const REMEMBERED: usize = 64;

/// Answers come at multiples of this, since what is less than a tick of the timer would tell who has waited.
const STEP: Duration = Duration::from_millis(5);

/// And at multiples of this while nobody has gone another way, so that nothing can be drawn from it.
const UNKNOWN: Duration = Duration::from_millis(50);

/// And of this the first few times, which take longest: connections are opened, and statements prepared.
const FIRST: Duration = Duration::from_millis(200);

/// How many times are the first ones.
const FEW: usize = 4;

/// The longest that one way waits for the sake of another one.
const LONGEST: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    SignUp,
    Password,
    Otp,
    Recover,
    Resend,
}

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// There is an account, or something to be sent.
    Account,
    /// There is one that is not confirmed yet, where more is done for it than for a confirmed one.
    Unconfirmed,
    /// There is not.
    Nobody,
}

impl Flow {
    /// The ways that it may go.
    fn ways(self) -> &'static [Way] {
        match self {
            Self::SignUp | Self::Otp => &[Way::Account, Way::Unconfirmed, Way::Nobody],
            Self::Password | Self::Recover | Self::Resend => &[Way::Account, Way::Nobody],
        }
    }
}

/// Refusals are told apart from successes anyway, so they have times of their own.
type Key = (Flow, Way, bool);

/// How long requests took of late. Cheap to clone; clones share what is remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Arc<Mutex<HashMap<Key, VecDeque<Duration>>>>);

impl Times {
    /// Remembers how long a way took; returns how long the answer is to take.
    fn meet(&self, (flow, way, is_ok): Key, took: Duration, random: &Random) -> Duration {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = times.entry((flow, way, is_ok)).or_default();
        if own.len() == REMEMBERED {
            own.pop_front();
        }
        own.push_back(took);
        let unknown = if own.len() <= FEW { FIRST } else { UNKNOWN };
        let (mut time, mut step) = (took, STEP);
        for other in flow.ways().iter().filter(|other| **other != way) {
            let lot = usize::from(random.bytes::<1>()[0]);
            match times.get(&(flow, *other, is_ok)).and_then(|other| other.get(lot % other.len().max(1))) {
                Some(drawn) => time = time.max((*drawn).min(LONGEST)),
                None => step = unknown,
            }
        }
        up_to(step, time)
    }
}

fn up_to(step: Duration, time: Duration) -> Duration {
    let steps = time.as_nanos().div_ceil(step.as_nanos());
    step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

/// A request that is under way.
pub(crate) struct Pace<'a> {
    state: &'a State,
    flow: Flow,
    started: Instant,
}

impl<'a> Pace<'a> {
    /// Begins with a request, as soon as what it does may depend on accounts.
    pub(crate) fn begin(state: &'a State, flow: Flow) -> Self {
        Self { state, flow, started: Instant::now() }
    }

    /// Hands the outcome on when it is time to answer. Nothing may be held meanwhile that others wait for.
    pub(crate) async fn settle<T>(self, way: Way, outcome: Result<T, Error>) -> Result<T, Error> {
        let Self { state, flow, started } = self;
        let time = state.times.meet((flow, way, outcome.is_ok()), started.elapsed(), &state.random);
        tokio::time::sleep_until(started + time).await;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn each_way_takes_as_long_as_the_longer_one() {
        let (times, random) = (Times::default(), Random::seeded(1));
        let meet = |way, took| times.meet((Flow::Recover, way, true), took, &random);
        assert_eq!(meet(Way::Account, ms(300)), ms(400));
        for _ in 0..100 {
            assert_eq!(meet(Way::Nobody, ms(2)), ms(300));
        }
        assert_eq!(meet(Way::Account, ms(12)), ms(15), "no longer than need be");
        let drawn: std::collections::BTreeSet<_> = (0..100).map(|_| meet(Way::Nobody, ms(2))).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [ms(15), ms(300)]);
        assert_eq!(times.meet((Flow::Recover, Way::Nobody, false), ms(2), &random), FIRST, "refusals are apart");
        assert_eq!(times.meet((Flow::Otp, Way::Nobody, true), ms(2), &random), FIRST, "and so are flows");
    }

    #[test]
    fn what_is_remembered_and_waited_for_has_an_end() {
        let (times, random) = (Times::default(), Random::seeded(1));
        let meet = |way, took| times.meet((Flow::Otp, way, true), took, &random);
        meet(Way::Account, Duration::from_secs(60));
        assert_eq!(meet(Way::Nobody, ms(1)), LONGEST);
        for _ in 0..REMEMBERED {
            meet(Way::Account, ms(1));
            meet(Way::Nobody, ms(1));
        }
        assert_eq!(meet(Way::Nobody, ms(1)), UNKNOWN, "nobody has gone the third way");
        meet(Way::Unconfirmed, ms(40));
        assert_eq!(meet(Way::Nobody, ms(1)), ms(40));
        assert_eq!(meet(Way::Account, ms(1)), ms(40));
    }
}
