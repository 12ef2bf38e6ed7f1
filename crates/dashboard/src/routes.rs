//! All routes of the console, each with the action that it is. A route cannot be added without one.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{MethodFilter, on, post};

use crate::access::Action::{self, ManageUsers, OwnSession, ReadProject, ReadTables, ReadUsers, RunSql, WriteTables};
use crate::error::Error;
use crate::guard::{Csrf, Guard, guard};
use crate::state::State;
use crate::{project, session, sql, tables, users, web};

/// The console: the web app, and below `/api` what it calls. To be mounted at `/dashboard` with `nest_service`,
/// which also takes the path with a slash at its end.
pub fn router(state: State) -> Router {
    let guarded = Guarded { state: state.clone(), router: Router::new() }
        .get("/session", OwnSession, session::current)
        .post("/logout", OwnSession, session::logout)
        .post("/password", OwnSession, session::change_password)
        .get("/project", ReadProject, project::project)
        .get("/users", ReadUsers, users::list::list)
        .post("/users", ManageUsers, users::change::create)
        .get("/users/export.csv", ReadUsers, users::export::export)
        .get("/users/{id}", ReadUsers, users::detail::detail)
        .patch("/users/{id}", ManageUsers, users::change::update)
        .delete("/users/{id}", ManageUsers, users::change::delete)
        .get("/advisors/security", ReadTables, tables::lint::security)
        .get("/schemas", ReadTables, tables::browse::schemas)
        .get("/tables", ReadTables, tables::browse::tables)
        .get("/tables/{schema}/{table}", ReadTables, tables::browse::table)
        .get("/tables/{schema}/{table}/rows", ReadTables, tables::rows::rows)
        .get("/tables/{schema}/{table}/export.csv", ReadTables, tables::export::export)
        .post("/tables/{schema}/{table}/rows", WriteTables, tables::edit::insert)
        .patch("/tables/{schema}/{table}/rows", WriteTables, tables::edit::update)
        .delete("/tables/{schema}/{table}/rows", WriteTables, tables::edit::delete)
        .post("/sql", RunSql, sql::run::run)
        .post("/sql/check", RunSql, sql::check::check)
        .post_form("/sql/export.csv", RunSql, sql::export::export);
    let api = guarded
        .router
        .route("/login", post(session::login))
        .fallback(async || Error::NoRoute)
        .method_not_allowed_fallback(async || Error::NoMethod)
        .layer(map_response(async |response| web::secure_api(response)))
        .with_state(state);
    Router::new().nest("/api", api).fallback(web::serve)
}

struct Guarded {
    state: State,
    router: Router<State>,
}

impl Guarded {
    fn get<H: Handler<T, State>, T: 'static>(self, path: &str, action: Action, handler: H) -> Self {
        self.route(path, MethodFilter::GET, (action, Csrf::Header), handler)
    }

    fn post<H: Handler<T, State>, T: 'static>(self, path: &str, action: Action, handler: H) -> Self {
        self.route(path, MethodFilter::POST, (action, Csrf::Header), handler)
    }

    fn post_form<H: Handler<T, State>, T: 'static>(self, path: &str, action: Action, handler: H) -> Self {
        self.route(path, MethodFilter::POST, (action, Csrf::FormField), handler)
    }

    fn patch<H: Handler<T, State>, T: 'static>(self, path: &str, action: Action, handler: H) -> Self {
        self.route(path, MethodFilter::PATCH, (action, Csrf::Header), handler)
    }

    fn delete<H: Handler<T, State>, T: 'static>(self, path: &str, action: Action, handler: H) -> Self {
        self.route(path, MethodFilter::DELETE, (action, Csrf::Header), handler)
    }

    fn route<H: Handler<T, State>, T: 'static>(
        mut self,
        path: &str,
        method: MethodFilter,
        (action, csrf): (Action, Csrf),
        handler: H,
    ) -> Self {
        let door = from_fn_with_state(Guard { state: self.state.clone(), action, csrf }, guard);
        self.router = self.router.route(path, on(method, handler).route_layer(door));
        self
    }
}
