-- One call in a transaction of its own, with its mark in the ledger; the line it prints is what the client was told.
SELECT * FROM stress.draw(:seed, :call) \gset
\if :ERROR
\echo :call draw none :SQLSTATE :LAST_ERROR_MESSAGE
\else
BEGIN ISOLATION LEVEL :level;
WITH mark AS (INSERT INTO stress.ledger (call_id, kind) VALUES (:call, :'kind')) SELECT pg_sleep(:wait_before);
\set outcome :SQLSTATE
\if :ERROR
\else
:statement;
\set outcome :SQLSTATE
\if :ERROR
\else
SELECT pg_sleep(:wait_after);
\set outcome :SQLSTATE
\endif
\endif
COMMIT;
\if :ERROR
\set outcome :SQLSTATE
\endif
\echo :call :kind :isolation :outcome :LAST_ERROR_MESSAGE
\endif
