-- Tells the data API when the schema has changed, on the channel that PostgREST listens on.
--
-- Many changes in one transaction are one notification: equal ones are sent once.

create function vestibule.watch_schema_changes() returns event_trigger
language plpgsql
set search_path = pg_catalog
as $$
begin
  if exists (
    select
    from pg_event_trigger_ddl_commands() change
    where change.schema_name is distinct from 'pg_temp'
      and change.command_tag <> 'REFRESH MATERIALIZED VIEW'
      and change.object_type in (
        'schema', 'table', 'table column', 'foreign table', 'view', 'view column', 'materialized view', 'function',
        'procedure', 'aggregate', 'type', 'domain', 'trigger', 'rule', 'table constraint', 'domain constraint',
        'extension'
      )
  ) then
    perform pg_notify('pgrst', 'reload schema');
  end if;
end
$$;

create function vestibule.watch_schema_drops() returns event_trigger
language plpgsql
set search_path = pg_catalog
as $$
begin
  if exists (
    select
    from pg_event_trigger_dropped_objects() dropped
    where not dropped.is_temporary
      and dropped.object_type in (
        'schema', 'table', 'table column', 'foreign table', 'view', 'materialized view', 'function', 'procedure',
        'aggregate', 'type', 'domain', 'trigger', 'rule', 'table constraint', 'domain constraint'
      )
  ) then
    perform pg_notify('pgrst', 'reload schema');
  end if;
end
$$;

comment on function vestibule.watch_schema_changes() is 'Notifies the data API of created, altered and commented objects.';
comment on function vestibule.watch_schema_drops() is 'Notifies the data API of dropped objects.';

revoke all on all routines in schema vestibule from public;

-- Rights are no matter of the schema, and indexes, policies and temporary objects are none of the API's: they are
-- left out above. Event triggers are a superuser's; without them the schema is reloaded on request.
do $$
begin
  create event trigger pgrst_ddl_watch on ddl_command_end execute function vestibule.watch_schema_changes();
  create event trigger pgrst_drop_watch on sql_drop execute function vestibule.watch_schema_drops();
exception when duplicate_object then
  null; -- Supabase's own, which do the same
when insufficient_privilege then
  raise notice 'changes of the schema go unnoticed: only a superuser can create event triggers'
    using hint = 'after a change run: notify pgrst, ''reload schema''';
end
$$;
