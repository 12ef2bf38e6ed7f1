-- What this function does is planned once in a session, as plpgsql does it, and not for each search.
create or replace function vestibule.trigrams(parts text[]) returns text[]
language plpgsql stable
as $$
begin
  return array(
    select trigram from (
      select distinct substr(part, i, 3)
      from (select lower(part) as part from unnest(parts) part) part, generate_series(1, length(part) - 2) i
    ) sought (trigram)
    left join (
      select unnest(most_common_elems::text::text[]), unnest(most_common_elem_freqs)
      from pg_catalog.pg_stats where schemaname = 'auth' and tablename = 'users_search_idx'
    ) common (element, frequency) on element = trigram
    order by frequency nulls first, trigram limit 4
  );
end
$$;
