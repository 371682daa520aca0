-- name: FollowersCount :one
-- moneyclip: cache key=account::followers::account-id-{account_id}
SELECT count(*) FROM followers WHERE account_id = $1;

-- name: Follow :execrows
INSERT INTO followers (account_id, name) VALUES ($1, $2);

-- name: MoveFollower :execrows
UPDATE followers SET account_id = $1 WHERE id = $2;

-- name: RemoveFollowersOf :execrows
DELETE FROM followers WHERE account_id = $1;

-- name: RemoveEarlyFollowers :execrows
DELETE FROM followers WHERE id <= $1;

-- name: GetAccountByHandle :one
-- moneyclip: cache key=account::handle-{handle} notfound=1m
SELECT * FROM accounts WHERE handle = $1;

-- name: CreateAccount :one
INSERT INTO accounts (handle, name) VALUES ($1, $2) RETURNING id;

-- name: SaveAccount :execrows
INSERT INTO accounts (handle, name) VALUES ($1, $2)
ON CONFLICT (handle) DO UPDATE SET name = excluded.name;

-- name: GetUser :one
SELECT * FROM users WHERE id = $1;

-- name: GetUserName :one
SELECT name FROM users WHERE id = $1;

-- name: CreateUser :one
INSERT INTO users (name, domain) VALUES ($1, $2) RETURNING id;

-- name: RenameUser :execrows
UPDATE users SET name = $1 WHERE id = $2;

-- name: RenameDomain :execrows
UPDATE users SET domain = sqlc.arg(new_domain) WHERE domain = sqlc.arg(old_domain);

-- name: DeleteUser :execrows
DELETE FROM users WHERE id = $1;

-- name: GetBook :one
SELECT * FROM books WHERE id = $1;

-- name: BookTotals :one
-- moneyclip: cache key=book::totals::book-id-{book_id} refresh
SELECT count(*)                                  AS documents,
       CAST(coalesce(sum(words), 0) AS BIGINT)  AS words,
       CAST(coalesce(max(words), 0) AS BIGINT)  AS longest
FROM documents
WHERE book_id = $1;

-- name: ArchiveBook :execrows
UPDATE documents SET archived_at = $1 WHERE book_id = $2;

-- name: GetDocument :one
SELECT * FROM documents WHERE id = $1;

-- name: DocumentsOfUser :one
-- moneyclip: cache key=user::documents::user-id-{created_by}
SELECT count(*) FROM documents WHERE created_by = $1;

-- name: EditDocument :execrows
UPDATE documents SET title = $1, words = $2 WHERE id = $3;

-- name: GiveDocument :execrows
UPDATE documents SET created_by = $1 WHERE id = $2;
