-- What stands in for pg_net (0.14), applied on request: the schema net, and a kind that sends its requests.
--   net.http_get, net.http_post, net.http_delete   add a task of the kind pg_net, in the caller's transaction
--   net.http_request_queue                         those that have not ended
--   net._http_response                             what came of those that have
-- There these two are tables, here views of Pawl's tasks. Rights are those of the extension: everybody may use the schema
-- and read both.
-- Source: pg_net's SQL files (0.7 to 0.14; http_delete with a body from 0.15), for names, types and messages.
select pawl.check_compat('pg_net', 'net');

create schema if not exists net;
comment on schema net is 'Pawl, standing in for pg_net: select net.http_post(url, body)';
grant usage on schema net to public;
