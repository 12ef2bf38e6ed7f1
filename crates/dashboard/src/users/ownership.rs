//! Which storage objects a user owns. A user who owns some cannot be deleted: the database itself refuses.

use pg::Db;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::state::State;

/// The constraint that the database names when it refuses to delete an owner.
const CONSTRAINT: &str = "objects_owner_id_fkey";

const COUNT: &str = "
    select coalesce(bucket_id, '') as bucket, count(*) as objects
    from storage.objects where owner_id = $1
    group by 1 order by 1";

/// A user's objects, counted per bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    user: Uuid,
    buckets: Vec<(String, i64)>,
}

impl Owned {
    /// Counts them.
    pub(crate) async fn count(state: &State, db: &Db, user: Uuid) -> Result<Self, pg::Error> {
        let rows = db.read(&state.reading(), COUNT, &[&user.to_string()]).await?;
        Ok(Self { user, buckets: rows.iter().map(|row| (row.get(0), row.get(1))).collect() })
    }

    /// How many there are in all.
    pub(crate) fn total(&self) -> i64 {
        self.buckets.iter().map(|(_, objects)| objects).sum()
    }

    /// As the user's page shows them.
    pub(crate) fn listing(&self) -> Value {
        let buckets = self.buckets.iter().map(|(bucket, objects)| json!({"bucket": bucket, "objects": objects}));
        json!({"total": self.total(), "buckets": buckets.collect::<Vec<_>>()})
    }

    /// Why the user cannot be deleted.
    pub(crate) fn sentence(&self) -> String {
        let total = self.total();
        let noun = if total == 1 { "storage object" } else { "storage objects" };
        let buckets: Vec<_> = self.buckets.iter().map(|(bucket, objects)| format!("{bucket}: {objects}")).collect();
        format!("the user owns {total} {noun} ({}) and was not deleted", buckets.join(", "))
    }

    pub(crate) fn hint(&self) -> String {
        let user = self.user;
        format!("delete the objects, or give them to another user: vestibule storage reassign --from {user} --to <id>")
    }

    pub(crate) fn detail(&self) -> Value {
        let buckets: Map<String, Value> =
            self.buckets.iter().map(|(bucket, objects)| (bucket.clone(), json!(objects))).collect();
        json!({"objects": self.total(), "buckets": buckets})
    }
}

/// Whether a failure is the database's refusal to delete an owner.
pub(crate) fn is_refusal(failure: &base::http::Failure) -> bool {
    failure.constraint.as_deref() == Some(CONSTRAINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_says_how_many_and_where() {
        let owned = Owned { user: Uuid::nil(), buckets: vec![("avatars".into(), 2), ("docs".into(), 1)] };
        assert_eq!(owned.sentence(), "the user owns 3 storage objects (avatars: 2, docs: 1) and was not deleted");
        assert_eq!(owned.detail(), json!({"objects": 3, "buckets": {"avatars": 2, "docs": 1}}));
        let one = Owned { user: Uuid::nil(), buckets: vec![("a".into(), 1)] };
        assert!(one.sentence().starts_with("the user owns 1 storage object (a: 1)"));
    }
}
