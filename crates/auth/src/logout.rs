//! `POST /logout`: ends sessions. Access tokens of an ended session are refused here from then on; the data API
//! accepts them until they expire.

use axum::extract::State as With;
use http::StatusCode;
use serde_json::json;

use crate::bearer::Authenticated;
use crate::error::Error;
use crate::model::audit::{self, Action, Actor};
use crate::model::sessions;
use crate::query::Query;
use crate::state::State;

/// Which sessions end.
enum Scope {
    All,
    This,
    Others,
}

impl Scope {
    fn read(query: &Query) -> Result<Self, Error> {
        match query.first("scope") {
            "" | "global" => Ok(Self::All),
            "local" => Ok(Self::This),
            "others" => Ok(Self::Others),
            other => Err(Error::validation(format!("Unsupported logout scope {other:?}"))),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::All => "global",
            Self::This => "local",
            Self::Others => "others",
        }
    }
}

/// Ends the sessions of the scope; all of them where the token names no session.
pub(crate) async fn post(With(state): With<State>, caller: Authenticated, query: Query) -> Result<StatusCode, Error> {
    let failed = Error::database("Error logging out user");
    let asked = Scope::read(&query)?;
    let scope = if caller.session.is_some() { asked } else { Scope::All };
    let user_id = caller.user.id;
    let (_turns, mut tx) = state.change(user_id).await.map_err(&failed)?;
    let mut traits = json!({"scope": scope.name()});
    if let Some(session) = &caller.session {
        traits["session_id"] = json!(session.id);
    }
    let entry = audit::payload(&Actor::user(&caller.user), Action::Logout, Some(traits));
    audit::insert(&mut tx, &state, &entry, state.clock.now()).await.map_err(&failed)?;
    match (scope, caller.session) {
        (Scope::This, Some(session)) => sessions::delete(&mut tx, user_id, session.id).await.map(drop),
        (Scope::Others, Some(session)) => sessions::delete_others(&mut tx, user_id, session.id).await,
        (Scope::All, _) | (_, None) => sessions::delete_all(&mut tx, user_id).await.map(drop),
    }
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(StatusCode::NO_CONTENT)
}
