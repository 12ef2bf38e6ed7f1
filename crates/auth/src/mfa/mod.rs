//! `/factors`: second factors of the signed-in user, and the step up to the second level of assurance.

mod challenge;
mod check;
mod denials;
mod enroll;
mod kind;
mod member;
mod recovery_codes;
mod settings;
mod step_up;
mod unenroll;
mod verify;

pub(crate) use denials::{FACTOR_NOT_FOUND, PHONE_TAKEN, name_conflict};
pub(crate) use enroll::check_name;
pub(crate) use kind::Kind;
pub(crate) use member::FactorId;
pub(crate) use settings::LEAST_EXPIRY;
pub use settings::MfaSettings;
pub(crate) use unenroll::remove;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::admin;
use crate::state::State;

/// The routes of users and of administrators.
pub(crate) fn routes(router: Router<State>) -> Router<State> {
    let codes = get(recovery_codes::get).post(recovery_codes::create).delete(recovery_codes::delete);
    let of_user = get(admin::factors::list);
    let one_of_user = axum::routing::put(admin::factors::update).delete(admin::factors::delete);
    router
        .route("/factors", post(enroll::post))
        .route("/factors/", post(enroll::post))
        .route("/factors/recovery-codes", codes)
        .route("/factors/recovery-codes/verify", post(recovery_codes::verify))
        .route("/factors/{factor_id}", delete(unenroll::delete))
        .route("/factors/{factor_id}/challenge", post(challenge::post))
        .route("/factors/{factor_id}/verify", post(verify::post))
        .route("/admin/users/{user_id}/factors", of_user)
        .route("/admin/users/{user_id}/factors/{factor_id}", one_of_user)
}
