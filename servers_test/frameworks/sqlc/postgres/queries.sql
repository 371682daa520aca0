-- name: GetUser :one
SELECT id, name, email, age FROM users WHERE id = $1;

-- name: GetUserByEmail :one
SELECT id, name, email, age FROM users WHERE email = $1;

-- name: CountPosts :one
SELECT count(*) FROM posts WHERE user_id = $1;

-- name: ListUsers :many
SELECT id, name FROM users ORDER BY id;

-- name: SaveUser :exec
INSERT INTO users (name, email, age) VALUES ($1, $2, $3)
ON CONFLICT (email) DO UPDATE SET name = excluded.name;

-- name: CreatePost :one
INSERT INTO posts (user_id, title) VALUES ($1, $2) RETURNING id;

-- name: RenameUser :execrows
UPDATE users SET name = $1 WHERE id = $2;

-- name: RaiseAges :execrows
UPDATE users SET age = age + 1 WHERE age >= $1;

-- name: DeleteUser :execrows
DELETE FROM users WHERE id = $1;
