-- name: FollowersCount :one
-- moneyclip: cache key=account::followers::account-id-{account_id}
SELECT count(*) FROM followers WHERE account_id = ?;

-- name: Follow :execrows
INSERT INTO followers (account_id, name) VALUES (?, ?);

-- name: MoveFollower :execrows
UPDATE followers SET account_id = ? WHERE id = ?;

-- name: RemoveFollowersOf :execrows
DELETE FROM followers WHERE account_id = ?;

-- name: RemoveEarlyFollowers :execrows
DELETE FROM followers WHERE id <= ?;

-- name: GetAccountByHandle :one
-- moneyclip: cache key=account::handle-{handle} notfound=1m
SELECT * FROM accounts WHERE handle = ?;

-- name: CreateAccount :one
INSERT INTO accounts (handle, name) VALUES (?, ?) RETURNING id;

-- name: SaveAccount :execrows
INSERT INTO accounts (handle, name) VALUES (?, ?)
ON CONFLICT (handle) DO UPDATE SET name = excluded.name;

-- name: GetUser :one
SELECT * FROM users WHERE id = ?;

-- name: GetUserName :one
SELECT name FROM users WHERE id = ?;

-- name: CreateUser :one
INSERT INTO users (name, domain) VALUES (?, ?) RETURNING id;

-- name: RenameUser :execrows
UPDATE users SET name = ? WHERE id = ?;

-- name: RenameDomain :execrows
UPDATE users SET domain = sqlc.arg(new_domain) WHERE domain = sqlc.arg(old_domain);

-- name: DeleteUser :execrows
DELETE FROM users WHERE id = ?;

-- name: GetBook :one
SELECT * FROM books WHERE id = ?;

-- name: BookTotals :one
-- moneyclip: cache key=book::totals::book-id-{book_id} refresh
SELECT count(*)                                  AS documents,
       CAST(coalesce(sum(words), 0) AS INTEGER)  AS words,
       CAST(coalesce(max(words), 0) AS INTEGER)  AS longest
FROM documents
WHERE book_id = ?;

-- name: ArchiveBook :execrows
UPDATE documents SET archived_at = ? WHERE book_id = ?;

-- name: GetDocument :one
SELECT * FROM documents WHERE id = ?;

-- name: DocumentsOfUser :one
-- moneyclip: cache key=user::documents::user-id-{created_by}
SELECT count(*) FROM documents WHERE created_by = ?;

-- name: EditDocument :execrows
UPDATE documents SET title = ?, words = ? WHERE id = ?;

-- name: GiveDocument :execrows
UPDATE documents SET created_by = ? WHERE id = ?;
