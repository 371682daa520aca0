-- name: FollowersCount :one
SELECT count(*) FROM followers WHERE account_id = sqlc.arg(account);

-- name: Rename :exec
UPDATE users SET name = @name WHERE id = @id;
