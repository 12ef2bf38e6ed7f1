//! Filters and logic trees.

use serde_json::{Value, json};

use crate::api::{Api, FILMS};

async fn ids(api: &Api, filter: &str) -> Vec<i64> {
    let rows = api.rows(&format!("/films?select=id&order=id&{filter}")).await;
    rows.as_array().expect("rows").iter().filter_map(|row| row["id"].as_i64()).collect()
}

#[tokio::test]
async fn each_operator_does_what_it_says() {
    let api = Api::new(FILMS).await;
    let table: [(&str, &[i64]); 30] = [
        ("id=eq.2", &[2]),
        ("id=neq.2", &[1, 3, 4]),
        ("year=gt.1962", &[3]),
        ("year=gte.1962", &[1, 3]),
        ("year=lt.1962", &[2]),
        ("year=lte.1962", &[1, 2]),
        ("title=like.*a*", &[3, 4]),
        ("title=ilike.r*", &[3]),
        ("title=match.^R", &[3]),
        ("title=imatch.^r", &[3]),
        ("title=like(any).{R*,I*}", &[2, 3]),
        ("id=eq(any).{1,4}", &[1, 4]),
        ("id=gt(all).{1,2}", &[3, 4]),
        ("id=in.(1,3)", &[1, 3]),
        ("title=in.(Ran,\"Untitled, (draft)\")", &[3, 4]),
        ("id=in.()", &[]),
        ("id=not.in.()", &[1, 2, 3, 4]),
        ("id=not.in.(1,2)", &[3, 4]),
        ("year=is.null", &[4]),
        ("year=not.is.null", &[1, 2, 3]),
        ("year=is.not_null", &[1, 2, 3]),
        ("year=isdistinct.1985", &[1, 2, 4]),
        ("tags=cs.{drama}", &[1, 2]),
        ("tags=cd.{drama,paris}", &[1, 2, 4]),
        ("tags=ov.{war,paris}", &[1, 3]),
        ("title=fts(simple).ran", &[3]),
        ("title=plfts.ikiru", &[2]),
        ("title=wfts.-ikiru", &[1, 3, 4]),
        ("data->>color=eq.true", &[3]),
        ("data->cast->0->>name=eq.Marchand", &[1]),
    ];
    for (filter, expected) in table {
        assert_eq!(ids(&api, filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn range_operators_work_on_ranges() {
    let api = Api::new(
        "create table public.r (id int, span int4range); grant select on public.r to anon;
         insert into public.r values (1, '[1,5)'), (2, '[5,9)');",
    )
    .await;
    for (filter, expected) in [("sl.[5,9)", 1), ("sr.[1,5)", 2), ("nxr.[1,5)", 1), ("nxl.[5,9)", 2), ("adj.[9,10)", 2)]
    {
        let rows = api.rows(&format!("/r?select=id&span={filter}")).await;
        assert_eq!(rows, json!([{"id": expected}]), "{filter}");
    }
}

#[tokio::test]
async fn logic_trees_nest_and_are_combined_with_filters() {
    let api = Api::new(FILMS).await;
    assert_eq!(ids(&api, "or=(id.eq.1,and(year.gt.1980,not.or(id.eq.4,id.eq.2)))").await, [1, 3]);
    assert_eq!(ids(&api, "not.or=(id.eq.1,id.eq.2)").await, [3, 4]);
    assert_eq!(ids(&api, "and=(id.gt.1,id.lt.4)&title=neq.Ran").await, [2]);
    assert_eq!(ids(&api, "or=(title.eq.\"Untitled, (draft)\",tags.cs.{drama,paris},id.in.(2,9))").await, [1, 2, 4]);
    assert_eq!(ids(&api, "and=(title.not.like.*a*)").await, [1, 2]);
}

#[tokio::test]
async fn values_that_do_not_fit_are_the_databases_errors() {
    let api = Api::new(FILMS).await;
    let answer = api.get("/films?id=eq.x").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        r#"{"code":"22P02","details":null,"hint":null,"message":"invalid input syntax for type integer: \"x\""}"#
    );
    let code = |body: Value| body["code"].clone();
    assert_eq!(code(api.get("/films?nothing=eq.1").await.json()), "42703");
    assert_eq!(code(api.get("/films?id=nothing.1").await.json()), "PGRST100");
    assert_eq!(code(api.get("/films?or=()").await.json()), "PGRST100");
}

#[tokio::test]
async fn names_are_taken_as_they_are() {
    let api = Api::new(
        "create table public.\"odd \"\"table\" (\"a.b\" int, \"c d\" int, \"É\" int);
         insert into public.\"odd \"\"table\" values (1, 2, 3); grant select on public.\"odd \"\"table\" to anon;",
    )
    .await;
    let rows = api.rows("/odd%20%22table?%22a.b%22=eq.1&c%20d=eq.2&select=%22a.b%22,c%20d,%C3%89").await;
    assert_eq!(rows, json!([{"a.b": 1, "c d": 2, "É": 3}]));
}
