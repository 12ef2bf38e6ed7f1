//! Reads the schema cache from the catalog: a few statements, whatever the number of relations.

use std::collections::HashMap;

use pg::{Context, Db, Param, Query, Row};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::media::HandlerSource;
use super::relationship::{ForeignKey, Link, Relationship, RowFunction, from_keys};
use super::routine::Routine;
use super::view::{self, PrimaryKey, View, ViewSource};
use super::{Name, SchemaCache, Table};
use crate::Settings;

/// The chain of each domain down to its base type.
macro_rules! base_types {
    () => {
        "with recursive chain(oid, base, is_last) as (
           select t.oid, t.typbasetype, b.typtype <> 'd'
             from pg_type t join pg_type b on b.oid = t.typbasetype where t.typtype = 'd'
           union all
           select c.oid, t.typbasetype, b.typtype <> 'd'
             from chain c join pg_type t on t.oid = c.base join pg_type b on b.oid = t.typbasetype where not c.is_last
         ), base_types as (select oid, base from chain where is_last)
        "
    };
}

/// Default of the column `at` of the relation `c`, with its type `t` and what `pg_attrdef` has on it as `d`.
macro_rules! default_of {
    () => {
        "case
           when at.attidentity = 'd' then format('nextval(%L)', (
             select own.objid::regclass from pg_depend own
             where own.classid = 'pg_class'::regclass and own.refclassid = 'pg_class'::regclass
               and own.refobjid = c.oid and own.refobjsubid = at.attnum and own.deptype = 'i'))
           when at.attgenerated = 's' then null
           when d.adbin is null and t.typtype = 'd' then pg_get_expr(t.typdefaultbin, 0)
           else pg_get_expr(d.adbin, d.adrelid) end"
    };
}

/// One JSON object per relation of the schemas `$1`.
const TABLES: &str = concat!(
    base_types!(),
    ", representations as (
       select t.oid as domain,
         max(c.castfunc::regproc::text) filter (where c.castsource = t.oid and c.casttarget = 'json'::regtype) as output,
         max(c.castfunc::regproc::text) filter (where c.casttarget = t.oid and c.castsource = 'text'::regtype) as text_input,
         max(c.castfunc::regproc::text) filter (where c.casttarget = t.oid and c.castsource = 'json'::regtype) as json_input
       from pg_cast c join pg_type t on t.oid in (c.castsource, c.casttarget) and t.typtype = 'd'
       where c.castcontext = 'i' and c.castmethod = 'f' and has_function_privilege(c.castfunc, 'execute')
       group by t.oid
     )
     select json_build_object(
       'schema', n.nspname, 'name', c.relname, 'is_view', c.relkind in ('v', 'm'),
       'insertable', c.relkind in ('r', 'p') or c.relkind in ('v', 'f') and u.events & 8 = 8,
       'updatable', c.relkind in ('r', 'p') or c.relkind in ('v', 'f') and u.events & 4 = 4,
       'deletable', c.relkind in ('r', 'p') or c.relkind in ('v', 'f') and u.events & 16 = 16,
       'key', coalesce(k.names, '[]'), 'columns', coalesce(a.columns, '[]'))::text
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     cross join lateral (select case when c.relkind in ('v', 'f') then pg_relation_is_updatable(c.oid, true) else 0 end) u(events)
     left join lateral (
       select json_agg(ka.attname order by ka.attname) as names
       from pg_constraint pk join pg_attribute ka on ka.attrelid = pk.conrelid and ka.attnum = any(pk.conkey)
       where pk.conrelid = c.oid and pk.contype = 'p') k on true
     left join lateral (
       select json_agg(json_build_object(
           'name', at.attname, 'type', format_type(at.atttypid, at.atttypmod),
           'base_type', format_type(coalesce(bt.base, at.atttypid), null),
           'output', r.output, 'text_input', r.text_input, 'json_input', r.json_input,
           'default', ",
    default_of!(),
    ")
         order by at.attnum) as columns
       from pg_attribute at
       join pg_type t on t.oid = at.atttypid
       left join base_types bt on bt.oid = at.atttypid
       left join representations r on r.domain = at.atttypid
       left join pg_attrdef d on d.adrelid = at.attrelid and d.adnum = at.attnum
       where at.attrelid = c.oid and at.attnum > 0 and not at.attisdropped) a on true
     where c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition and n.nspname = any($1)"
);

/// One JSON object per foreign key of any schema, without those of partitions.
const FOREIGN_KEYS: &str = "
select json_build_object(
  'from', json_build_object('schema', fn.nspname, 'name', f.relname),
  'to', json_build_object('schema', tn.nspname, 'name', t.relname),
  'constraint', k.conname, 'columns', c.pairs,
  'from_oid', k.conrelid::bigint, 'from_columns', k.conkey, 'to_oid', k.confrelid::bigint, 'to_columns', k.confkey,
  'is_unique', exists (
    select from pg_constraint u
    where u.conrelid = k.conrelid and u.contype in ('p', 'u') and u.conkey @> k.conkey and u.conkey <@ k.conkey))::text
from pg_constraint k
join pg_class f on f.oid = k.conrelid
join pg_namespace fn on fn.oid = f.relnamespace
join pg_class t on t.oid = k.confrelid
join pg_namespace tn on tn.oid = t.relnamespace
cross join lateral (
  select json_agg(json_build_array(fa.attname, ta.attname) order by pair.place) as pairs
  from unnest(k.conkey, k.confkey) with ordinality as pair(near, far, place)
  join pg_attribute fa on fa.attrelid = k.conrelid and fa.attnum = pair.near
  join pg_attribute ta on ta.attrelid = k.confrelid and ta.attnum = pair.far) c
where k.contype = 'f' and k.conparentid = 0
order by k.conrelid, k.conname";

/// One JSON object per view of the schemas `$1`.
const VIEWS: &str = "
select json_build_object(
  'oid', c.oid::bigint, 'schema', n.nspname, 'name', c.relname, 'tree', r.ev_action::text,
  'columns', (
    select coalesce(json_agg(json_build_array(a.attnum, a.attname) order by a.attnum), '[]') from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN'
where c.relkind in ('v', 'm') and n.nspname = any($1)
order by c.oid";

/// One JSON object per primary key of any schema.
const PRIMARY_KEYS: &str = "
select json_build_object('table', k.conrelid::bigint, 'columns', k.conkey)::text
from pg_constraint k where k.contype = 'p' and k.conrelid <> 0 order by k.conrelid";

/// One JSON object per column of a table of any schema that has a default.
const DEFAULTS: &str = concat!(
    "select json_build_object('table', c.oid::bigint, 'column', at.attnum, 'default', ",
    default_of!(),
    ")::text
     from pg_attribute at
     join pg_class c on c.oid = at.attrelid
     join pg_namespace n on n.oid = c.relnamespace
     join pg_type t on t.oid = at.atttypid
     left join pg_attrdef d on d.adrelid = at.attrelid and d.adnum = at.attnum
     where c.relkind in ('r', 'p', 'f') and at.attnum > 0 and not at.attisdropped and at.attgenerated = ''
       and (d.oid is not null or at.attidentity = 'd' or t.typdefaultbin is not null)
       and n.nspname not in ('pg_catalog', 'information_schema')"
);

/// One JSON object per function from a row of a relation to rows of a relation.
const ROW_FUNCTIONS: &str = "
select json_build_object(
  'function', json_build_object('schema', pn.nspname, 'name', p.proname),
  'from', json_build_object('schema', fn.nspname, 'name', f.relname),
  'to', json_build_object('schema', tn.nspname, 'name', t.relname),
  'is_single', not p.proretset or p.prorows = 1)::text
from pg_proc p
join pg_namespace pn on pn.oid = p.pronamespace
join pg_class f on f.reltype = p.proargtypes[0]
join pg_namespace fn on fn.oid = f.relnamespace
join pg_class t on t.reltype = p.prorettype
join pg_namespace tn on tn.oid = t.relnamespace
where p.pronargs = 1 and p.prokind = 'f' and p.proargtypes[0] <> 0 and p.prorettype <> 0
  and f.relkind in ('r', 'v', 'm', 'f', 'p') and t.relkind in ('r', 'v', 'm', 'f', 'p')
  and fn.nspname = any($1) and tn.nspname = any($1)
order by 1";

/// One JSON object per function of the schemas `$1` that can be called: no triggers, and at most one unnamed
/// parameter, of a type that a request body can be.
const ROUTINES: &str = concat!(
    base_types!(),
    "select json_build_object(
       'oid', p.oid::bigint, 'schema', n.nspname, 'name', p.proname, 'parameters', coalesce(a.parameters, '[]'), 'volatility', p.provolatile,
       'returns', json_build_object(
         'schema', tn.nspname, 'name', coalesce(rel.relname, t.typname), 'set', p.proretset,
         'composite', t.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false)),
       'settings', coalesce(s.settings, '[]'))::text
     from pg_proc p
     join pg_namespace n on n.oid = p.pronamespace
     left join base_types bt on bt.oid = p.prorettype
     join pg_type t on t.oid = coalesce(bt.base, p.prorettype)
     join pg_namespace tn on tn.oid = t.typnamespace
     left join pg_class rel on rel.oid = t.typrelid and t.typrelid <> 0
     left join lateral (
       select json_agg(json_build_object(
           'name', coalesce(arg.name, ''), 'type', arg.type::regtype::text,
           'unlimited_type', case arg.type
             when 'bit'::regtype then 'bit varying' when 'bit[]'::regtype then 'bit varying[]'
             when 'character'::regtype then 'character varying' when 'character[]'::regtype then 'character varying[]'
             else arg.type::regtype::text end,
           'required', arg.place <= p.pronargs - p.pronargdefaults,
           'variadic', coalesce(arg.mode = 'v', false)) order by arg.place) as parameters,
         count(*) filter (where coalesce(arg.name, '') = '') as unnamed,
         bool_and(arg.type in ('json'::regtype, 'jsonb'::regtype, 'text'::regtype, 'xml'::regtype, 'bytea'::regtype))
           filter (where coalesce(arg.name, '') = '') as fits_body
       from (
         select row_number() over (order by each.at) as place, each.type, each.name, each.mode
         from unnest(p.proargtypes::oid[], p.proargnames[:p.pronargs], p.proargmodes::text[])
           with ordinality as input(type, name, mode, at)
         cross join lateral (select input.type, input.name, input.mode, input.at) each
         where p.proallargtypes is null
         union all
         select row_number() over (order by every.at), every.type, every.name, every.mode
         from unnest(p.proallargtypes, p.proargnames, p.proargmodes::text[]) with ordinality as every(type, name, mode, at)
         where every.mode in ('i', 'b', 'v')
       ) arg where arg.type is not null) a on true
     left join lateral (
       select json_agg(json_build_array(split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1))) as settings
       from unnest(p.proconfig) setting
       where split_part(setting, '=', 1) = any($2)) s on true
     where p.prokind = 'f' and p.prorettype <> 'trigger'::regtype and p.prorettype <> 'event_trigger'::regtype
       and n.nspname = any($1) and (coalesce(a.unnamed, 0) = 0 or a.unnamed = 1 and a.fits_body)
     order by n.nspname, p.proname, p.oid"
);

/// One JSON object per aggregate or function of the schemas `$1` whose result is a domain named like a media type.
const HANDLERS: &str = "
with media as (
  select t.oid, t.typname, n.nspname, t.typbasetype = 'jsonb'::regtype as is_jsonb
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where t.typtype = 'd' and (t.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or t.typname = '*/*')
)
select json_build_object(
  'function', json_build_object('schema', pn.nspname, 'name', p.proname),
  'target', case when a.typname = 'anyelement' then null else json_build_object('schema', an.nspname, 'name', a.typname) end,
  'is_aggregate', true, 'is_jsonb', m.is_jsonb, 'domain', m.typname)::text
from media m
join pg_proc p on p.prorettype = m.oid and p.prokind = 'a' and p.pronargs = 1
join pg_namespace pn on pn.oid = p.pronamespace
join pg_type a on a.oid = p.proargtypes[0]
join pg_namespace an on an.oid = a.typnamespace
left join pg_class c on c.reltype = a.oid and c.relkind in ('r', 'v', 'm', 'f', 'p')
where pn.nspname = any($1) and (c.oid is not null or a.oid = 'anyelement'::regtype)
union all
select json_build_object(
  'function', json_build_object('schema', m.nspname, 'name', m.typname),
  'target', json_build_object('schema', pn.nspname, 'name', p.proname),
  'is_aggregate', false, 'is_jsonb', m.is_jsonb, 'domain', m.typname)::text
from media m
join pg_proc p on p.prorettype = m.oid and p.prokind = 'f' and not p.proretset
join pg_namespace pn on pn.oid = p.pronamespace
where pn.nspname = any($1)";

/// Reads the cache, and puts it together where that holds up no request.
///
/// # Errors
/// [`pg::Error`] of the first statement that fails.
pub async fn load(db: &Db, settings: &Settings) -> Result<SchemaCache, pg::Error> {
    let Settings { schemas, extra_search_path: search_path, hoisted_settings: hoisted, .. } = settings;
    // An empty search path makes the catalog's functions name everything with its schema.
    let context = Context::service().search_path("").read_only();
    let params: [Param<'_>; 1] = [schemas];
    // Views may be made of views that are only on the search path.
    let reachable: Vec<&String> = schemas.iter().chain(search_path).collect();
    let queries = [
        Query { sql: TABLES, params: &params },
        Query { sql: FOREIGN_KEYS, params: &[] },
        Query { sql: VIEWS, params: &[&reachable] },
        Query { sql: ROW_FUNCTIONS, params: &params },
        Query { sql: ROUTINES, params: &[schemas, hoisted] },
        Query { sql: HANDLERS, params: &params },
    ];
    let mut found = db.batch(&context, &queries).await?.into_iter();
    let mut next = || found.next().unwrap_or_default();
    let mut catalog = Catalog {
        tables: next(),
        keys: next(),
        views: next(),
        functions: next(),
        routines: next(),
        handlers: next(),
        ..Catalog::default()
    };
    if !catalog.views.is_empty() {
        let queries = [PRIMARY_KEYS, DEFAULTS].map(|sql| Query { sql, params: &[] });
        let mut found = db.batch(&context, &queries).await?.into_iter();
        (catalog.primary, catalog.defaults) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
    }
    let schemas = schemas.clone();
    let built = tokio::task::spawn_blocking(move || catalog.cache(&schemas)).await;
    built.map_err(|error| pg::Error::Settings(format!("the schema could not be put together: {error}")))
}

/// Rows of the statements above.
#[derive(std::default::Default)]
struct Catalog {
    tables: Vec<Row>,
    keys: Vec<Row>,
    views: Vec<Row>,
    functions: Vec<Row>,
    routines: Vec<Row>,
    handlers: Vec<Row>,
    primary: Vec<Row>,
    defaults: Vec<Row>,
}

impl Catalog {
    fn cache(&self, schemas: &[String]) -> SchemaCache {
        let mut tables: Vec<Table> = decoded(&self.tables);
        let mut keys: Vec<ForeignKey> = decoded(&self.keys);
        let sources: Vec<ViewSource> = decoded(&self.views);
        if !sources.is_empty() {
            let mut views = view::resolve(&sources);
            views.retain(|view| schemas.contains(&view.name.schema));
            give_keys(&mut tables, &views, &decoded::<PrimaryKey>(&self.primary));
            give_defaults(&mut tables, &views, &decoded::<Default>(&self.defaults));
            keys.extend(view::keys_of_views(&keys, &views));
        }
        let functions: Vec<RowFunction> = decoded(&self.functions);
        let routines: Vec<Routine> = decoded(&self.routines);
        let mut relationships = from_keys(&keys, &tables);
        // A function replaces the relationships that it has the name of.
        relationships.retain(|known| !functions.iter().any(|row| row.from == known.from && row.function == known.to));
        relationships.extend(functions.into_iter().map(|row| Relationship {
            from: row.from,
            to: row.to,
            link: Link::Function { function: row.function, is_single: row.is_single },
            to_view: false,
            from_view: false,
            holds_key: false,
        }));
        let handlers: Vec<HandlerSource> = decoded(&self.handlers);
        SchemaCache::new(tables, relationships, routines, schemas).serve(handlers)
    }
}

/// Views have the primary keys that they show.
fn give_keys(tables: &mut [Table], views: &[View], primary: &[PrimaryKey]) {
    let by_name: HashMap<&Name, &View> = views.iter().map(|view| (&view.name, view)).collect();
    for table in tables.iter_mut().filter(|table| table.is_view) {
        let Some(view) = by_name.get(&table.name) else { continue };
        table.key = primary.iter().filter_map(|key| view.key(key)).flatten().collect();
        table.key.sort();
        table.key.dedup();
    }
}

/// The default of a column as the catalog has it.
#[derive(Debug, Deserialize)]
struct Default {
    table: u32,
    column: i16,
    default: Option<String>,
}

/// Columns of views that have no default have that of the column they show.
fn give_defaults(tables: &mut [Table], views: &[View], defaults: &[Default]) {
    let by_column: HashMap<(u32, i16), &str> =
        defaults.iter().filter_map(|known| Some(((known.table, known.column), known.default.as_deref()?))).collect();
    let by_name: HashMap<&Name, &View> = views.iter().map(|view| (&view.name, view)).collect();
    for table in tables.iter_mut().filter(|table| table.is_view) {
        let Some(view) = by_name.get(&table.name) else { continue };
        for (origin, shown) in view.origins() {
            let Some(default) = by_column.get(&origin) else { continue };
            for column in table.columns.iter_mut().filter(|column| shown.contains(&column.name)) {
                column.default.get_or_insert_with(|| (*default).to_owned());
            }
        }
    }
}

/// The first column of each row, JSON that the statement itself built.
fn decoded<T: DeserializeOwned>(rows: &[Row]) -> Vec<T> {
    rows.iter()
        .filter_map(|row| {
            let text: &str = row.get(0);
            serde_json::from_str(text)
                .inspect_err(|error| tracing::error!(%error, "a schema object could not be read and is left out"))
                .ok()
        })
        .collect()
}
