//! Embedded resources.

use http::Method;
use serde_json::json;

use crate::api::{Api, FILMS};

const CAST: &str = "
    create table public.actors (id int primary key, name text);
    create table public.roles (film_id int references public.films, actor_id int references public.actors,
      part text, primary key (film_id, actor_id));
    create table public.posters (film_id int primary key references public.films, url text);
    create table public.sequels (id int primary key, name text, parent int references public.sequels);
    create table public.awards (id int primary key, main int references public.films, other int references public.films);
    insert into public.actors values (1, 'Mifune'), (2, 'Shimura'), (3, 'Nakadai');
    insert into public.roles values (2, 2, 'Watanabe'), (3, 3, 'Hidetora'), (2, 1, 'nobody');
    insert into public.posters values (3, 'ran.png');
    insert into public.sequels values (1, 'one', null), (2, 'two', 1), (3, 'three', 2);
    insert into public.awards values (1, 2, 3);
    create function public.peers(public.films) returns setof public.films stable language sql
      as 'select * from public.films where director_id = $1.director_id and id <> $1.id';
    grant select, insert, update, delete on all tables in schema public to anon;";

async fn api() -> Api {
    Api::new(&format!("{FILMS}{CAST}")).await
}

#[tokio::test]
async fn every_cardinality_has_its_shape() {
    let api = api().await;
    assert_eq!(
        api.rows("/films?select=title,directors(name)&id=in.(2,4)&order=id").await,
        json!([{"title": "Ikiru", "directors": {"name": "Akira Kurosawa"}}, {"title": "Untitled, (draft)", "directors": null}])
    );
    assert_eq!(
        api.rows("/directors?select=name,films(title)&id=in.(2,3)&order=id&films.order=year.desc").await,
        json!([{"name": "Akira Kurosawa", "films": [{"title": "Ran"}, {"title": "Ikiru"}]}, {"name": "Nobody", "films": []}])
    );
    assert_eq!(
        api.rows("/films?select=id,actors(name)&id=in.(1,2)&order=id&actors.order=name").await,
        json!([{"id": 1, "actors": []}, {"id": 2, "actors": [{"name": "Mifune"}, {"name": "Shimura"}]}])
    );
    assert_eq!(
        api.rows("/films?select=id,posters(url)&id=gte.3&order=id").await,
        json!([{"id": 3, "posters": {"url": "ran.png"}}, {"id": 4, "posters": null}])
    );
    assert_eq!(api.rows("/films?select=id,peers(id)&id=eq.2").await, json!([{"id": 2, "peers": [{"id": 3}]}]));
}

#[tokio::test]
async fn levels_nest_and_have_their_own_filters_orders_and_limits() {
    let api = api().await;
    let path = "/directors?select=id,films(id,roles(part,actors(name)))&films.roles.part=neq.nobody&films.order=id.desc&films.limit=1&films.offset=1&id=eq.2";
    assert_eq!(
        api.rows(path).await,
        json!([{"id": 2, "films": [{"id": 2, "roles": [{"part": "Watanabe", "actors": {"name": "Shimura"}}]}]}])
    );
    let path = "/directors?select=id,f:films(id)&f.or=(id.eq.1,title.eq.Ran)&order=id&limit=2";
    assert_eq!(api.rows(path).await, json!([{"id": 1, "f": [{"id": 1}]}, {"id": 2, "f": [{"id": 3}]}]));
}

#[tokio::test]
async fn inner_embeds_and_null_filters_choose_parents() {
    let api = api().await;
    let count = |path: &'static str| {
        let call = testkit::Call::get(path).header("prefer", "count=exact");
        let api = &api;
        async move { (api.send(call).await).header("content-range").to_owned() }
    };
    assert_eq!(
        api.rows("/directors?select=id,films!inner(id)&films.title=eq.Ran").await,
        json!([{"id": 2, "films": [{"id": 3}]}])
    );
    assert_eq!(count("/directors?select=id,films!inner(id)&limit=1").await, "0-0/2");
    assert_eq!(count("/films?select=id,directors!inner(id)&limit=1").await, "0-0/3");
    assert_eq!(api.rows("/directors?select=id,films()&films=is.null").await, json!([{"id": 3}]));
    assert_eq!(count("/directors?select=id,films()&films=not.is.null&limit=1").await, "0-0/2");
    assert_eq!(api.rows("/films?select=id,directors()&directors=is.null").await, json!([{"id": 4}]));
    let path = "/films?select=id,directors(),posters()&or=(directors.is.null,posters.not.is.null)&order=id";
    assert_eq!(api.rows(path).await, json!([{"id": 3}, {"id": 4}]));
}

#[tokio::test]
async fn targets_can_be_named_in_several_ways() {
    let api = api().await;
    let director = json!([{"id": 3, "d": {"id": 2}}]);
    for target in [
        "directors",
        "films_director_id_fkey",
        "director_id",
        "directors!director_id",
        "directors!films_director_id_fkey",
    ] {
        assert_eq!(api.rows(&format!("/films?select=id,d:{target}(id)&id=eq.3")).await, director, "{target}");
    }
    assert_eq!(
        api.rows("/awards?select=main:films!main(id),other(title)").await,
        json!([{"main": {"id": 2}, "other": {"title": "Ran"}}])
    );
    assert_eq!(
        api.rows("/sequels?select=name,parent(name),sequels(name)&id=eq.2").await,
        json!([{"name": "two", "parent": {"name": "one"}, "sequels": [{"name": "three"}]}])
    );
}

#[tokio::test]
async fn unclear_targets_are_explained() {
    let api = api().await;
    let answer = api.get("/awards?select=films(id)").await;
    assert_eq!(answer.status, 300);
    let body = answer.json();
    assert_eq!(body["code"], "PGRST201");
    assert_eq!(body["details"][0]["cardinality"], "many-to-one");
    assert_eq!(
        body["hint"],
        "Try changing 'films' to one of the following: 'films!awards_main_fkey', 'films!awards_other_fkey'. Find the desired relationship in the 'details' key."
    );
    let answer = api.get("/films?select=director(id)").await;
    assert_eq!(
        answer.json(),
        json!({
            "code": "PGRST200",
            "details": "Searched for a foreign key relationship between 'films' and 'director' in the schema 'public', but no matches were found.",
            "hint": "Perhaps you meant 'directors' instead of 'director'.",
            "message": "Could not find a relationship between 'films' and 'director' in the schema cache"
        })
    );
    let answer = api.get("/films?select=id&directors.id=eq.1").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("PGRST108")));
    let answer = api.get("/directors?select=id,films(id)&order=films(id)").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("PGRST118")));
}

#[tokio::test]
async fn rows_can_be_ordered_by_a_related_column() {
    let api = api().await;
    let path = "/films?select=id,directors(name)&order=directors(name).desc.nullslast,id";
    let rows = api.rows(path).await;
    let ids: Vec<_> = rows.as_array().expect("rows").iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, [2, 3, 1, 4]);
}

#[tokio::test]
async fn spreads_become_columns_of_the_parent() {
    let api = api().await;
    assert_eq!(
        api.rows("/films?select=id,...directors(director:name)&id=eq.1").await,
        json!([{"id": 1, "director": "Agnès Varda"}])
    );
    assert_eq!(
        api.rows("/directors?select=id,...films(titles:title,year)&films.order=year.desc&order=id&id=in.(2,3)").await,
        json!([{"id": 2, "titles": ["Ran", "Ikiru"], "year": [1985, 1952]}, {"id": 3, "titles": [], "year": []}])
    );
    assert_eq!(
        api.rows("/roles?select=part,...films(title,...directors(*))&film_id=eq.3").await,
        json!([{"part": "Hidetora", "title": "Ran", "id": 2, "name": "Akira Kurosawa"}])
    );
}

#[tokio::test]
async fn embeds_work_after_writes() {
    let api = api().await;
    let row = json!({"title": "Dodeskaden", "director_id": 2});
    let path = "/films?select=title,directors(name),actors(name)";
    let answer = api.write(Method::POST, path, "return=representation", &row).await;
    assert_eq!(answer.json(), json!([{"title": "Dodeskaden", "directors": {"name": "Akira Kurosawa"}, "actors": []}]));
    let path = "/films?id=eq.2&select=id,roles(part)&roles.part=eq.Watanabe";
    let answer = api.write(Method::PATCH, path, "return=representation", &json!({"year": 1953})).await;
    assert_eq!(answer.json(), json!([{"id": 2, "roles": [{"part": "Watanabe"}]}]));
}

#[tokio::test]
async fn keys_are_seen_through_views() {
    let views = "
        create view public.movies as select id as movie_id, title, director_id as by from public.films where id > 0;
        create view public.recent as select movie_id, title, by from public.movies;
        create view public.people as select id, name from public.directors;
        create view public.casting as select film_id, actor_id from public.roles;
        grant select, insert on public.movies, public.recent, public.people, public.casting to anon;";
    let api = Api::new(&format!("{FILMS}{CAST}{views}")).await;
    assert_eq!(
        api.rows("/recent?select=title,directors(name),people(name)&movie_id=eq.3").await,
        json!([{"title": "Ran", "directors": {"name": "Akira Kurosawa"}, "people": {"name": "Akira Kurosawa"}}])
    );
    assert_eq!(
        api.rows("/people?select=name,movies(title)&id=eq.1").await,
        json!([{"name": "Agnès Varda", "movies": [{"title": "Cléo de 5 à 7"}]}])
    );
    assert_eq!(
        api.rows("/movies?select=movie_id,actors!casting(name)&movie_id=eq.3").await,
        json!([{"movie_id": 3, "actors": [{"name": "Nakadai"}]}])
    );
    let answer =
        api.write(Method::POST, "/movies", "return=headers-only", &json!({"movie_id": 70, "title": "x"})).await;
    assert_eq!(answer.header("location"), "/movies?movie_id=eq.70");
}
