-- Schema storage: listing a bucket as a tree, under the caller's policies.
--
-- Names are ordered by byte. A listing is a walk over an index of names: each step reads one name, reports
-- it or the folder that it lies in, and continues behind that, so a folder costs one step however full it is.
-- Prefixes are text, not patterns. U+10FFFF, the last character there is, stands for the end of a folder;
-- U+0001, the first one that a name may contain, for the next name after a given one.

set local role supabase_storage_admin;

-- Where to go on is told by next_token, in which a folder ends with the delimiter, or by start_after, in which it
-- need not: a name that is an object's and a folder's is then taken for the one that comes later, so that whoever
-- asks for page after page comes to an end.
create function storage.list_objects_with_delimiter(
  _bucket_id text,
  prefix_param text,
  delimiter_param text,
  max_keys integer default 100,
  start_after text default '',
  next_token text default '',
  sort_order text default 'asc'
) returns table (
  name text,
  id uuid,
  metadata jsonb,
  updated_at timestamptz,
  created_at timestamptz,
  last_accessed_at timestamptz
)
language plpgsql stable
as $$
declare
  is_ascending constant boolean := lower(coalesce(sort_order, 'asc')) = 'asc';
  delimiter constant text := nullif(delimiter_param, '');
  prefix constant text := coalesce(prefix_param, '');
  last_seen constant text := coalesce(nullif(next_token, ''), start_after, '');
  -- What is still to be walked: lowest <= name < highest.
  lowest text := prefix;
  highest text := prefix || chr(1114111);
  object record;
  folder text;
begin
  if storage.get_common_prefix(last_seen, prefix, delimiter) = last_seen then
    folder := last_seen;
  elsif coalesce(next_token, '') = '' and exists (
    select
    from storage.objects o
    where o.bucket_id = _bucket_id
      and o.name collate "C" >= last_seen || delimiter
      and o.name collate "C" < last_seen || delimiter || chr(1114111)
  ) and (is_ascending or not exists (
    select from storage.objects o where o.bucket_id = _bucket_id and o.name collate "C" = last_seen
  )) then
    folder := last_seen || delimiter;
  end if;
  if last_seen = '' then
    null;
  elsif is_ascending then
    lowest := greatest(lowest collate "C", coalesce(folder || chr(1114111), last_seen || chr(1)));
  else
    highest := least(highest collate "C", coalesce(folder, last_seen));
  end if;

  for reported in 1 .. max_keys loop
    if is_ascending then
      select o.* into object
      from storage.objects o
      where o.bucket_id = _bucket_id and o.name collate "C" >= lowest and o.name collate "C" < highest
      order by o.name collate "C"
      limit 1;
    else
      select o.* into object
      from storage.objects o
      where o.bucket_id = _bucket_id and o.name collate "C" >= lowest and o.name collate "C" < highest
      order by o.name collate "C" desc
      limit 1;
    end if;
    exit when not found;

    folder := storage.get_common_prefix(object.name, prefix, delimiter);
    if folder is null then
      name := object.name;
      id := object.id;
      metadata := object.metadata;
      updated_at := object.updated_at;
      created_at := object.created_at;
      last_accessed_at := object.last_accessed_at;
    else
      name := left(folder, -length(delimiter));
      id := null;
      metadata := null;
      updated_at := null;
      created_at := null;
      last_accessed_at := null;
    end if;
    return next;

    if is_ascending then
      lowest := coalesce(folder || chr(1114111), object.name || chr(1));
    else
      highest := coalesce(folder, object.name);
    end if;
  end loop;
end
$$;

create function storage.search_by_timestamp(
  p_prefix text,
  p_bucket_id text,
  p_limit integer,
  p_level integer,
  p_start_after text,
  p_sort_order text,
  p_sort_column text,
  p_sort_column_after text
) returns table (
  key text,
  name text,
  id uuid,
  updated_at timestamptz,
  created_at timestamptz,
  last_accessed_at timestamptz,
  metadata jsonb
)
language sql stable
as $$
  with object as (
    select o.*, storage.get_common_prefix(o.name, coalesce(p_prefix, ''), '/') as folder
    from storage.objects o
    where o.bucket_id = p_bucket_id
      and o.name collate "C" >= coalesce(p_prefix, '')
      and o.name collate "C" < coalesce(p_prefix, '') || chr(1114111)
  ),
  entry as (
    select o.name, o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata
    from object o
    where o.folder is null
    union all
    -- A folder is as old as the first object in it.
    select left(o.folder, -1), null, min(o.created_at), min(o.created_at), null, null
    from object o
    where o.folder is not null
    group by o.folder
  ),
  -- Clients remember times to the millisecond, so that is what is compared.
  sorted as (
    select
      e.*,
      coalesce(
        date_trunc('milliseconds', case p_sort_column when 'created_at' then e.created_at else e.updated_at end),
        'epoch'
      ) as at
    from entry e
  )
  select
    split_part(s.name, '/', p_level), s.name, s.id, s.updated_at, s.created_at, s.last_accessed_at, s.metadata
  from sorted s
  where coalesce(p_start_after, '') = ''
    or case p_sort_order
      when 'asc' then (s.at, s.name collate "C")
        > (coalesce(nullif(p_sort_column_after, '')::timestamptz, 'epoch'), p_start_after)
      else (s.at, s.name collate "C")
        < (coalesce(nullif(p_sort_column_after, '')::timestamptz, 'epoch'), p_start_after)
    end
  order by
    case p_sort_order when 'asc' then s.at end,
    case p_sort_order when 'asc' then s.name collate "C" end,
    s.at desc,
    s.name collate "C" desc
  limit p_limit
$$;

create function storage.search_v2(
  prefix text,
  bucket_name text,
  limits integer default 100,
  levels integer default 1,
  start_after text default '',
  sort_order text default 'asc',
  sort_column text default 'name',
  sort_column_after text default ''
) returns table (
  key text,
  name text,
  id uuid,
  updated_at timestamptz,
  created_at timestamptz,
  last_accessed_at timestamptz,
  metadata jsonb
)
language plpgsql stable
as $$
declare
  at_most constant integer := least(coalesce(limits, 100), 1500);
  direction constant text := case lower(sort_order) when 'desc' then 'desc' else 'asc' end;
begin
  if lower(sort_column) in ('created_at', 'updated_at') then
    return query select *
    from storage.search_by_timestamp(
      prefix, bucket_name, at_most, levels, start_after, direction, lower(sort_column), sort_column_after
    );
  else
    return query select
      split_part(l.name, '/', levels), l.name, l.id, l.updated_at, l.created_at, l.last_accessed_at, l.metadata
    from storage.list_objects_with_delimiter(bucket_name, prefix, '/', at_most, start_after, '', direction) l;
  end if;
end
$$;

-- The older listing: by page number, without regard to case, names without the folder that was asked for.
-- `levels` follows from the prefix and is not read; clients still send it.
create function storage.search(
  prefix text,
  bucketname text,
  limits integer default 100,
  levels integer default 1,
  offsets integer default 0,
  search text default '',
  sortcolumn text default 'name',
  sortorder text default 'asc'
) returns table (
  name text,
  id uuid,
  updated_at timestamptz,
  created_at timestamptz,
  last_accessed_at timestamptz,
  metadata jsonb
)
language plpgsql stable
as $$
declare
  is_ascending constant boolean := lower(coalesce(sortorder, 'asc')) = 'asc';
  at_most constant integer := least(coalesce(limits, 100), 1500);
  path constant text := lower(coalesce(prefix, '') || coalesce(search, ''));
  -- An entry's name is made of the tokens first … last of its path.
  first_token constant integer := coalesce(array_length(string_to_array(prefix, '/'), 1), 1);
  last_token constant integer := coalesce(array_length(string_to_array(path, '/'), 1), 1);
  -- What is still to be walked, by (lower(name), name): names that differ in case only are told apart.
  lowest text := path;
  highest text := path || chr(1114111);
  last_name text := '';
  object record;
  folder text;
begin
  if lower(sortcolumn) in ('updated_at', 'created_at', 'last_accessed_at') then
    -- Folders have no times; they come first, by name.
    return query
    with entry as (
      select
        array_to_string(o.path_tokens[first_token:last_token], '/') as name,
        o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata,
        array_length(o.path_tokens, 1) > last_token as is_folder
      from storage.objects o
      where o.bucket_id = bucketname and lower(o.name) collate "C" >= path and lower(o.name) collate "C" < highest
    ),
    listed as (
      select distinct
        e.name, null::uuid as id, null::timestamptz as updated_at, null::timestamptz as created_at,
        null::timestamptz as last_accessed_at, null::jsonb as metadata, null::timestamptz as at, true as is_folder
      from entry e
      where e.is_folder
      union all
      select
        e.name, e.id, e.updated_at, e.created_at, e.last_accessed_at, e.metadata,
        case lower(sortcolumn)
          when 'updated_at' then e.updated_at
          when 'created_at' then e.created_at
          else e.last_accessed_at
        end,
        false
      from entry e
      where not e.is_folder
    )
    select l.name, l.id, l.updated_at, l.created_at, l.last_accessed_at, l.metadata
    from listed l
    order by
      l.is_folder desc,
      case when is_ascending then l.at end,
      case when is_ascending then l.name collate "C" end,
      l.at desc,
      l.name collate "C" desc
    limit at_most
    offset offsets;
    return;
  end if;

  for step in 1 .. coalesce(offsets, 0) + at_most loop
    if is_ascending then
      select o.* into object
      from storage.objects o
      where o.bucket_id = bucketname
        and (lower(o.name) collate "C", o.name collate "C") > (lowest, last_name)
        and lower(o.name) collate "C" < highest
      order by lower(o.name) collate "C", o.name collate "C"
      limit 1;
    else
      select o.* into object
      from storage.objects o
      where o.bucket_id = bucketname
        and (lower(o.name) collate "C", o.name collate "C") < (highest, last_name)
        and lower(o.name) collate "C" >= lowest
      order by lower(o.name) collate "C" desc, o.name collate "C" desc
      limit 1;
    end if;
    exit when not found;

    folder := null;
    if array_length(object.path_tokens, 1) > last_token then
      folder := lower(array_to_string(object.path_tokens[1:last_token], '/') || '/');
    end if;

    if step > coalesce(offsets, 0) then
      name := array_to_string(object.path_tokens[first_token:last_token], '/');
      if folder is null then
        id := object.id;
        updated_at := object.updated_at;
        created_at := object.created_at;
        last_accessed_at := object.last_accessed_at;
        metadata := object.metadata;
      else
        id := null;
        updated_at := null;
        created_at := null;
        last_accessed_at := null;
        metadata := null;
      end if;
      return next;
    end if;

    if is_ascending then
      lowest := coalesce(folder || chr(1114111), lower(object.name));
    else
      highest := coalesce(folder, lower(object.name));
    end if;
    last_name := case when folder is null then object.name else '' end;
  end loop;
end
$$;

create function storage.list_multipart_uploads_with_delimiter(
  bucket_id text,
  prefix_param text,
  delimiter_param text,
  max_keys integer default 100,
  next_key_token text default '',
  next_upload_token text default ''
) returns table (
  key text,
  id text,
  created_at timestamptz
)
language sql stable
as $$
  select distinct on (upload.key collate "C") upload.key, upload.id, upload.created_at
  from (
    select coalesce(storage.get_common_prefix(u.key, prefix_param, nullif(delimiter_param, '')), u.key) as key,
      u.id, u.created_at
    from storage.s3_multipart_uploads u
    where u.bucket_id = $1
      and starts_with(u.key, prefix_param)
      and (next_upload_token = '' or u.id collate "C" > next_upload_token)
  ) upload
  where next_key_token = '' or next_upload_token <> '' or upload.key collate "C" > next_key_token
  order by upload.key collate "C", upload.created_at
  limit max_keys
$$;

comment on function storage.list_objects_with_delimiter(text, text, text, integer, text, text, text) is
  'Objects and folders below a prefix, after a given name; folders have no id.';
comment on function storage.search_by_timestamp(text, text, integer, integer, text, text, text, text) is
  'Part of search_v2: sorted by a time. Reads everything below the prefix.';
comment on function storage.search_v2(text, text, integer, integer, text, text, text, text) is
  'Objects and folders below a prefix, by cursor; at most 1500.';
comment on function storage.search(text, text, integer, integer, integer, text, text, text) is
  'Objects and folders inside a folder, by offset, without regard to case; at most 1500.';
comment on function storage.list_multipart_uploads_with_delimiter(text, text, text, integer, text, text) is
  'Uploads under way below a prefix, the oldest of each key or folder.';

reset role;

-- Rights ----------------------------------------------------------------------------------------------------------

-- The API roles use the tables under their policies.
grant usage on schema storage to anon, authenticated, service_role;
grant all on storage.buckets, storage.objects, storage.buckets_analytics to anon, authenticated, service_role;
grant all on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts, storage.iceberg_namespaces,
  storage.iceberg_tables to service_role;
grant select on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts, storage.iceberg_namespaces,
  storage.iceberg_tables to anon, authenticated;
grant select on storage.buckets_vectors, storage.vector_indexes to anon, authenticated, service_role;

do $$
declare
  administrator name;
  kind text;
begin
  for administrator in select rolname from pg_catalog.pg_roles where rolname in (current_user, 'postgres') loop
    execute format('grant all on schema storage to %I', administrator);
    execute format('grant all on all tables in schema storage to %I with grant option', administrator);
    execute format('grant all on all sequences in schema storage to %I', administrator);
    execute format('grant all on all routines in schema storage to %I', administrator);
    foreach kind in array array['tables', 'sequences', 'routines'] loop
      -- What later migrations add.
      execute format('alter default privileges for role supabase_storage_admin in schema storage grant all on %s to %I',
        kind, administrator);
    end loop;
  end loop;
end
$$;
