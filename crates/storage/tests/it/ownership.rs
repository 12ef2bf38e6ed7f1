//! Who owns an object, what that keeps from being deleted, and handing it over.

use http::Method;
use serde_json::json;
use storage::ReassignError;
use testkit::Call;
use testkit::project::token;
use uuid::Uuid;

use crate::world::{User, World, call, delete, done, secret, upload};

async fn delete_user(world: &World, user: &User) -> Result<(), String> {
    let db = world.db.db("postgres");
    let deleted = db.read(&pg::Context::service(), "delete from auth.users where id = $1", &[&user.id]).await;
    deleted.map(drop).map_err(|error| error.db().expect("PostgreSQL says why").message().to_owned())
}

async fn owner(world: &World) -> Option<String> {
    world.db.value("select owner_id from storage.objects").await
}

async fn world_with_a_file() -> (World, User) {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    world.db.sql("create policy a on storage.objects for all to authenticated using (true)").await;
    let user = world.user().await;
    done(&world.send(upload("/object/docs/a", &user.token, "x")).await);
    (world, user)
}

#[tokio::test]
async fn the_uploader_owns_the_object() {
    let (world, user) = world_with_a_file().await;
    let row = &world.db.query("select owner, owner_id from storage.objects", &[]).await[0];
    assert_eq!((row.get(0), row.get(1)), (Some(user.id), Some(user.id.to_string())));
}

#[tokio::test]
async fn a_subject_that_is_no_uuid_owns_too() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let bearer = token(json!({"role": "service_role", "sub": "firebase|1"}));
    done(&world.send(upload("/object/docs/a", &bearer, "x")).await);
    let row = &world.db.query("select owner, owner_id from storage.objects", &[]).await[0];
    assert_eq!((row.get::<_, Option<Uuid>>(0), row.get(1)), (None, Some("firebase|1".to_owned())));
}

#[tokio::test]
async fn overwriting_hands_over_but_moving_and_the_secret_key_do_not() {
    let (world, john) = world_with_a_file().await;
    let route = json!({"bucketId": "docs", "sourceKey": "a", "destinationKey": "b"});
    let jane = world.user().await;
    done(&world.send(Call::post("/object/move", &route).bearer(&jane.token)).await);
    assert_eq!(owner(&world).await, Some(john.id.to_string()));
    done(&world.send(call(Method::PUT, "/object/docs/b", &secret()).body("y")).await);
    assert_eq!(owner(&world).await, Some(john.id.to_string()));
    done(&world.send(call(Method::PUT, "/object/docs/b", &jane.token).body("z")).await);
    assert_eq!(owner(&world).await, Some(jane.id.to_string()));
}

#[tokio::test]
async fn an_owner_is_deleted_after_the_objects() {
    let (world, user) = world_with_a_file().await;
    let message = delete_user(&world, &user).await.expect_err("an owner");
    assert!(message.starts_with(&format!("user {} owns 1 storage object", user.id)), "{message}");
    assert!(message.contains("docs"), "{message}");
    done(&world.send(delete("/object/docs/a", &user.token)).await);
    assert_eq!(delete_user(&world, &user).await, Ok(()));
}

#[tokio::test]
async fn an_owner_is_deleted_after_handing_over() {
    let (world, john) = world_with_a_file().await;
    world.db.sql("create policy a on storage.buckets for insert to authenticated with check (true)").await;
    done(&world.send(Call::post("/bucket", &json!({"name": "johns"})).bearer(&john.token)).await);
    done(&world.send(upload("/object/johns/b", &john.token, "x")).await);
    let jane = world.user().await;
    done(&world.send(upload("/object/docs/janes", &jane.token, "x")).await);

    let administrator = world.db.db("postgres");
    let unknown = Uuid::new_v4();
    let refused = storage::reassign(&administrator, john.id, unknown).await;
    assert!(matches!(refused, Err(ReassignError::UnknownUser(id)) if id == unknown));
    assert!(delete_user(&world, &john).await.is_err());

    assert_eq!(storage::reassign(&administrator, john.id, jane.id).await.expect("handed over"), 2);
    let owners: i64 = world
        .db
        .value(&format!("select count(*) from storage.objects where owner_id = '{0}' and owner = '{0}'", jane.id))
        .await;
    let bucket: String = world.db.value("select owner_id from storage.buckets where id = 'johns'").await;
    assert_eq!((owners, bucket), (3, jane.id.to_string()));
    assert_eq!(delete_user(&world, &john).await, Ok(()));
    assert_eq!(storage::reassign(&administrator, john.id, jane.id).await.expect("nothing left"), 0);
}
