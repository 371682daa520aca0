-- name: CountOfType :one
-- moneyclip: cache key=notes::{owner}::{type} ttl=1m
SELECT count(*) FROM notes WHERE type = ? AND owner = ?;

-- name: FindBody :one
-- moneyclip: cache key=body::{body}
SELECT id FROM notes WHERE body = ?;

-- name: All :one
-- moneyclip: cache key=notes::all refresh
SELECT count(*) FROM notes;

-- name: Add :exec
INSERT INTO notes (owner, type, body) VALUES (?, ?, ?);

-- name: Remove :exec
DELETE FROM notes WHERE id = ?;
