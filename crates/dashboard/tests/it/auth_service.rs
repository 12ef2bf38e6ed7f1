//! A small stand-in for the auth service's admin API: real rows, the real wire form, no flows. The whole-server
//! tests use the service itself.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::jwt::Keyring;
use http::{HeaderMap, StatusCode};
use pg::{Context, Db};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Clone)]
struct Service {
    db: Db,
    keyring: Keyring,
}

type Answered = Result<Json<Value>, axum::response::ErrorResponse>;

pub(crate) fn router(db: Db, keyring: Keyring) -> Router {
    Router::new()
        .route("/admin/users", post(create))
        .route("/admin/users/{id}", get(show).put(update).delete(remove))
        .with_state(Service { db, keyring })
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"code": code, "message": message}))).into_response()
}

fn failed(error: &pg::Error) -> Response {
    let mut response = refuse(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure", "Database error");
    response.extensions_mut().insert(error.failure());
    response
}

impl Service {
    fn check(&self, headers: &HeaderMap) -> Result<(), (StatusCode, Json<Value>)> {
        let token = base::http::bearer(headers).and_then(|token| self.keyring.verify(token).ok());
        let is_admin = token.is_some_and(|token| {
            token.text("role") == Some("service_role")
                && token.claims["exp"].as_i64().unwrap() - token.claims["iat"].as_i64().unwrap() <= 60
        });
        if is_admin {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, Json(json!({"code": "not_admin", "message": "User not allowed"}))))
        }
    }

    async fn user(&self, id: Uuid) -> Answered {
        const SHOW: &str = "
            select to_jsonb(u) || jsonb_build_object('user_metadata', raw_user_meta_data, 'app_metadata',
                   raw_app_meta_data, 'identities', '[]'::jsonb) - 'encrypted_password'
            from auth.users u where id = $1";
        let rows = self.db.read(&Context::service(), SHOW, &[&id]).await.map_err(|error| failed(&error))?;
        let row = rows.first().ok_or_else(|| refuse(StatusCode::NOT_FOUND, "user_not_found", "User not found"))?;
        Ok(Json(row.get(0)))
    }
}

async fn create(State(service): State<Service>, headers: HeaderMap, Json(body): Json<Value>) -> Answered {
    const INSERT: &str = "
        insert into auth.users (id, email, phone, raw_user_meta_data, raw_app_meta_data, created_at)
        values ($1, $2, $3, coalesce($4, '{}'::jsonb), coalesce($5, '{}'::jsonb), now())";
    service.check(&headers)?;
    let id = Uuid::new_v4();
    let metadata = |name: &str| body.get(name).cloned();
    let inserted = service
        .db
        .read(
            &Context::service(),
            INSERT,
            &[
                &id,
                &body["email"].as_str(),
                &body["phone"].as_str(),
                &metadata("user_metadata"),
                &metadata("app_metadata"),
            ],
        )
        .await;
    match inserted {
        Ok(_) => service.user(id).await,
        Err(error) if error.constraint() == Some("users_email_partial_key") => {
            let message = "A user with this email address has already been registered";
            Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "email_exists", message).into())
        }
        Err(error) => Err(failed(&error).into()),
    }
}

async fn show(State(service): State<Service>, headers: HeaderMap, Path(id): Path<Uuid>) -> Answered {
    service.check(&headers)?;
    service.user(id).await
}

async fn update(
    State(service): State<Service>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    Json(body): Json<Value>,
) -> Answered {
    const MERGE: &str = "
        update auth.users set email = coalesce($2, email),
            raw_user_meta_data = (
                select coalesce(jsonb_object_agg(key, value), '{}')
                from jsonb_each(coalesce(raw_user_meta_data, '{}') || $3)
                where not ($3 ? key and value = 'null'::jsonb)
            )
        where id = $1";
    service.check(&headers)?;
    let change = body.get("user_metadata").cloned().unwrap_or(json!({}));
    let params: [pg::Param<'_>; 3] = [&id, &body["email"].as_str(), &change];
    service.db.read(&Context::service(), MERGE, &params).await.map_err(|error| failed(&error))?;
    service.user(id).await
}

async fn remove(
    State(service): State<Service>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    Json(body): Json<Value>,
) -> Answered {
    service.check(&headers)?;
    let _existing = service.user(id).await?;
    let statement = match body["should_soft_delete"].as_bool() {
        Some(true) => "update auth.users set deleted_at = now() where id = $1",
        _ => "delete from auth.users where id = $1",
    };
    service.db.read(&Context::service(), statement, &[&id]).await.map_err(|error| failed(&error))?;
    Ok(Json(json!({})))
}
