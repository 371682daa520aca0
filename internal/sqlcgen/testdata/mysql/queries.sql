-- name: WordsOn :one
-- moneyclip: cache key=shelf::{shelf}-words ttl=10s
SELECT count(*), max(words) FROM books WHERE shelf = ?;

-- name: GetBook :one
# moneyclip: cache key=book::isbn-{isbn}
SELECT * FROM books WHERE isbn = ?;

-- name: PutBook :execlastid
INSERT INTO books (isbn, shelf, words) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE words = VALUES(words);

-- name: MoveBooks :exec
UPDATE books SET shelf = ? WHERE id IN (sqlc.slice('ids'));

-- name: DropBook :exec
DELETE FROM books WHERE id = ?;
