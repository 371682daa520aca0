-- name: GetUser :one
SELECT id, name, email, age FROM users WHERE id = ?;

-- name: GetUserByEmail :one
SELECT id, name, email, age FROM users WHERE email = ?;

-- name: CountPosts :one
SELECT count(*) FROM posts WHERE user_id = ?;

-- name: ListUsers :many
SELECT id, name FROM users ORDER BY id;

-- name: SaveUser :exec
INSERT INTO users (name, email, age) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE name = VALUES(name);

-- name: CreatePost :execlastid
INSERT INTO posts (user_id, title) VALUES (?, ?);

-- name: RenameUser :execrows
UPDATE users SET name = ? WHERE id = ?;

-- name: RaiseAges :execrows
UPDATE users SET age = age + 1 WHERE age >= ?;

-- name: DeleteUser :execrows
DELETE FROM users WHERE id = ?;
