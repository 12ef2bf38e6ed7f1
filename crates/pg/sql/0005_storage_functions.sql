-- Schema storage: what policies ask about an object's name and the running operation, and the triggers.

set local role supabase_storage_admin;

-- Names -------------------------------------------------------------------------------------------------------

create function storage.foldername(name text) returns text[]
language sql immutable
as $$
  select (string_to_array(name, '/'))[1 : array_length(string_to_array(name, '/'), 1) - 1]
$$;

create function storage.filename(name text) returns text
language sql immutable
as $$
  select (string_to_array(name, '/'))[array_length(string_to_array(name, '/'), 1)]
$$;

-- A file name without a dot is its own extension; policies compare with names like 'png' and do not notice.
create function storage.extension(name text) returns text
language sql immutable
as $$
  select substring(storage.filename(name) from '[^.]*$')
$$;

create function storage.get_common_prefix(p_key text, p_prefix text, p_delimiter text) returns text
language sql immutable
as $$
  select case
    when position(p_delimiter in substr(p_key, length(p_prefix) + 1)) > 0
    then left(p_key, length(p_prefix) + position(p_delimiter in substr(p_key, length(p_prefix) + 1))
                     + length(p_delimiter) - 1)
  end
$$;

comment on function storage.foldername(text) is 'The folders of an object''s name, outermost first.';
comment on function storage.filename(text) is 'The last part of an object''s name.';
comment on function storage.extension(text) is 'What follows the last dot of the file name.';
comment on function storage.get_common_prefix(text, text, text) is
  'The key up to and including the first delimiter after the prefix; null if there is none.';

-- The running operation -----------------------------------------------------------------------------------------

create function storage.operation() returns text
language sql stable
as $$
  select current_setting('storage.operation', true)
$$;

create function storage.allow_any_operation(expected_operations text[]) returns boolean
language sql stable
as $$
  select exists (
    select
    from unnest(expected_operations) as expected
    where expected <> ''
      and regexp_replace(expected, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', '')
  )
$$;

create function storage.allow_only_operation(expected_operation text) returns boolean
language sql stable
as $$
  select storage.allow_any_operation(array[expected_operation])
$$;

comment on function storage.operation() is 'What the storage API is doing, such as storage.object.list; null outside of it.';
comment on function storage.allow_any_operation(text[]) is
  'True when the running operation is one of these; the prefix "storage." may be left out.';
comment on function storage.allow_only_operation(text) is
  'True when the running operation is this one; the prefix "storage." may be left out.';

-- Asking without doing ---------------------------------------------------------------------------------------------

create function storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb) returns void
language plpgsql
as $$
begin
  insert into storage.objects (bucket_id, name, owner, metadata) values ($1, $2, $3, $4);
  raise exception 'ROLLBACK' using errcode = 'PT200', detail = 'the object may be inserted; the trial was undone';
end
$$;

comment on function storage.can_insert_object(text, text, uuid, jsonb) is
  'Tries an insert under the caller''s policies and always fails: with PT200 when it would have succeeded.';

create function storage.get_size_by_bucket() returns table (size bigint, bucket_id text)
language sql stable
as $$
  select sum((object.metadata ->> 'size')::bigint)::bigint, object.bucket_id
  from storage.objects object
  group by object.bucket_id
$$;

comment on function storage.get_size_by_bucket() is 'Bytes stored per bucket, of the objects that the caller may see.';

-- Triggers ---------------------------------------------------------------------------------------------------------

create function storage.update_updated_at_column() returns trigger
language plpgsql
as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create function storage.enforce_bucket_name_length() returns trigger
language plpgsql
as $$
begin
  if length(new.name) > 100 then
    raise exception 'bucket name "%" has % characters, at most 100 are possible', new.name, length(new.name);
  end if;
  return new;
end
$$;

-- A row deleted behind the storage API's back leaves a file that nobody can find.
create function storage.protect_delete() returns trigger
language plpgsql
as $$
begin
  if current_setting('storage.allow_delete_query', true) is distinct from 'true' then
    raise exception 'rows of %.% are deleted through the storage API only', tg_table_schema, tg_table_name
      using errcode = 'insufficient_privilege',
            hint = 'their files would stay behind; where that is meant: set storage.allow_delete_query = ''true''';
  end if;
  return null;
end
$$;

create trigger update_objects_updated_at before update on storage.objects
  for each row execute function storage.update_updated_at_column();
create trigger enforce_bucket_name_length_trigger before insert or update of name on storage.buckets
  for each row execute function storage.enforce_bucket_name_length();
create trigger protect_buckets_delete before delete on storage.buckets
  for each statement execute function storage.protect_delete();
create trigger protect_objects_delete before delete on storage.objects
  for each statement execute function storage.protect_delete();
-- Ours: row level security does not stop a truncate, and the API roles hold that right as they do in Supabase.
create trigger protect_buckets_truncate before truncate on storage.buckets
  for each statement execute function storage.protect_delete();
create trigger protect_objects_truncate before truncate on storage.objects
  for each statement execute function storage.protect_delete();

reset role;
