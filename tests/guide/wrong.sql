create table public.before_the_mistake (id int);

create tabel public.after_the_mistake (id int);
