//! Transactions in which somebody may be asked who takes long: a hook, a mail server, a provider of messages.
//!
//! What waits for them has a connection, and often the row of a user. So that one that is slow is in nobody's way, half of
//! the connections at most are with such transactions; and who changes a user waits for others that do so on the same
//! server without a connection, see [`crate::lines`].

use pg::{Context, Transaction};
use uuid::Uuid;

use crate::hooks::HookName;
use crate::lines::Turn;
use crate::state::State;
use crate::waiting;

/// The reason that is told of waiting for a connection.
const FOR_A_CONNECTION: &str =
    "a turn, since half of the connections at most are with requests that ask somebody outside";

/// The reason that is told of waiting for an account.
const FOR_A_USER: &str = "others that change the same account";

/// The turns of a transaction that changes a user. To be kept until it has ended.
#[must_use = "the next one goes when they are dropped"]
pub(crate) struct Turns {
    _held: [Option<Turn>; 2],
}

/// Transactions in which somebody may be asked.
pub(crate) struct Asking<'a> {
    state: &'a State,
    is_far: bool,
}

impl State {
    /// Transactions in which hooks, or what stands in for them, are asked.
    pub(crate) fn asking(&self, hooks: impl IntoIterator<Item = HookName>) -> Asking<'_> {
        Asking { state: self, is_far: hooks.into_iter().any(|name| self.outside.is_far(name)) }
    }

    /// A turn to change a user, in one statement and without asking anybody.
    pub(crate) async fn turn(&self, user_id: Uuid) -> Turn {
        waiting::on(FOR_A_USER, self.lines.turn(user_id)).await
    }

    /// Begins a transaction that changes a user, if there is one, as soon as it is this one's turn.
    pub(crate) async fn change(&self, user_id: impl Into<Option<Uuid>>) -> Result<(Turns, Transaction), pg::Error> {
        self.asking([]).change(user_id).await
    }
}

impl Asking<'_> {
    /// Begins a transaction, as soon as there is a connection for it.
    pub(crate) async fn write(&self, context: &Context) -> Result<Transaction, pg::Error> {
        if self.is_far {
            waiting::on(FOR_A_CONNECTION, self.state.half.write(context)).await
        } else {
            self.state.db.write(context).await
        }
    }

    /// Begins a transaction that changes a user, if there is one, as soon as it is this one's turn.
    ///
    /// Who asks somebody outside comes by a line of its own first, so that one user takes one of these connections, and
    /// has it before the user's turn: while it waits for one of them it is not in the way of who asks nobody. Those
    /// find a connection since the others have half of them at most; where there is only one, all take the turn first.
    pub(crate) async fn change(&self, user_id: impl Into<Option<Uuid>>) -> Result<(Turns, Transaction), pg::Error> {
        let (user_id, context) = (user_id.into(), Context::service());
        let Some(user_id) = user_id else {
            return Ok((Turns { _held: [None, None] }, self.write(&context).await?));
        };
        if !self.is_far || self.state.db.max_connections() == 1 {
            let turn = self.state.turn(user_id).await;
            return Ok((Turns { _held: [None, Some(turn)] }, self.write(&context).await?));
        }
        let first = waiting::on(FOR_A_USER, self.state.far_lines.turn(user_id)).await;
        let tx = self.write(&context).await?;
        let turn = self.state.turn(user_id).await;
        Ok((Turns { _held: [Some(first), Some(turn)] }, tx))
    }
}
