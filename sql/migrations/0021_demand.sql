-- Since when somebody wants a key: what nobody wanted was not late. Written with what is written anyway, and in no index.
alter table pawl.freshness add column demanded_at timestamptz;
comment on column pawl.freshness.demanded_at is 'since when somebody looks at it, or has asked; null: nobody does, unless since before that was written down';
