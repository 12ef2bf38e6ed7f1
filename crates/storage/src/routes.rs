//! The table of routes, without the public prefix `/storage/v1`.
//!
//! Paths below `/object` overlap: `/object/public/…` is a public download, but an upload there goes to a bucket
//! called `public`. So each special path also answers the methods of the plain one that it has no use for.

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodRouter, delete, get, head, post};

use crate::error::Error;
use crate::objects::{info, list, read, relocate, remove, upload};
use crate::state::State;
use crate::{buckets, health, signing};

/// The service's router.
pub fn router(state: State) -> Router {
    let bucket_collection = || get(buckets::list).post(buckets::create);
    Router::new()
        .route("/health", get(health::show))
        .route("/status", get(health::show))
        .route("/bucket", bucket_collection())
        .route("/bucket/", bucket_collection())
        .route("/bucket/{id}", get(buckets::show).put(buckets::update).delete(buckets::delete))
        .route("/bucket/{id}/empty", post(buckets::empty))
        .merge(objects())
        .fallback(no_route)
        .method_not_allowed_fallback(no_route)
        .with_state(state)
}

fn objects() -> Router<State> {
    let info = || plain_but_reading().head(read::head);
    Router::new()
        .route("/object/{bucket}", delete(remove::many))
        .route("/object/{bucket}/{*name}", plain_but_reading().get(read::get).head(read::head))
        .route("/object/move", post(relocate::rename).delete(remove::many))
        .route("/object/copy", post(relocate::copy).delete(remove::many))
        .route("/object/list/{bucket}", plain_but_posting().post(list::page))
        .route("/object/list-v2/{bucket}", plain_but_posting().post(list::stretch))
        .route("/object/public/{bucket}/{*name}", plain_but_reading().get(read::get_public).head(read::head_public))
        .route(
            "/object/authenticated/{bucket}/{*name}",
            plain_but_reading().get(read::get_authenticated).head(read::head_authenticated),
        )
        .route("/object/info/{bucket}/{*name}", info().get(info::show))
        .route("/object/info/public/{bucket}/{*name}", info().get(info::show_public))
        .route("/object/info/authenticated/{bucket}/{*name}", info().get(info::show_authenticated))
        .route("/object/sign/{bucket}", plain_but_posting().post(signing::sign_many))
        .route(
            "/object/sign/{bucket}/{*name}",
            head(read::head).put(upload::update).delete(remove::one).post(signing::sign_one).get(signing::download),
        )
        .route(
            "/object/upload/sign/{bucket}/{*name}",
            get(read::get).head(read::head).delete(remove::one).post(signing::sign_upload).put(signing::upload),
        )
}

/// What the plain path does besides reading.
fn plain_but_reading() -> MethodRouter<State> {
    post(upload::create).put(upload::update).delete(remove::one)
}

/// What the plain path does besides `POST`.
fn plain_but_posting() -> MethodRouter<State> {
    get(read::get).head(read::head).put(upload::update).delete(remove::one)
}

async fn no_route(request: Request) -> Error {
    Error::NoRoute { method: request.method().clone(), path: request.uri().path().to_owned() }
}
