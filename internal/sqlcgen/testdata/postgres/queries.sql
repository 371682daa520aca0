-- name: FollowersCount :one
-- moneyclip: cache key=account::followers::account-id-{account_id} ttl=5m refresh
SELECT count(*) FROM followers WHERE account_id = $1;

-- name: FollowersIn :one
-- How many follow in a language.
-- moneyclip: cache name=in key=account::{account_id}::in-{lang:%v} ttl=1h30m soft=90s notfound=1500ms
SELECT count(*) FROM followers WHERE lang = sqlc.arg(lang) AND account_id = sqlc.arg(account_id);

-- name: GetByToken :one
SELECT * FROM accounts
  -- moneyclip: cache key=token-{token}
WHERE token = $1;

-- name: ListFollowers :many
SELECT * FROM followers WHERE account_id = $1;

-- name: Follow :one
INSERT INTO followers (account_id, lang) VALUES ($1, $2) RETURNING id;

-- name: Move :exec
UPDATE followers SET account_id = $1 WHERE id = $2;

-- name: RenameLanguage :exec
UPDATE followers SET lang = $1 WHERE lang = $2;

-- name: Touch :exec
UPDATE followers SET since = now() WHERE id = $1;

-- name: Clear :exec
TRUNCATE followers;

-- name: Rebuild :exec
  -- moneyclip: ignore it only writes what nobody caches
UPDATE accounts SET mood = 'sad' WHERE mood = $1;
