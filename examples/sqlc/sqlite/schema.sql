CREATE TABLE accounts (
  id     INTEGER PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  name   TEXT NOT NULL
);

CREATE TABLE followers (
  id         INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL
);
CREATE INDEX followers_account_id ON followers (account_id);

CREATE TABLE users (
  id     INTEGER PRIMARY KEY,
  name   TEXT NOT NULL,
  domain TEXT NOT NULL
);
CREATE INDEX users_domain ON users (domain);

CREATE TABLE books (
  id    INTEGER PRIMARY KEY,
  title TEXT NOT NULL
);

CREATE TABLE documents (
  id          INTEGER  PRIMARY KEY,
  created_by  INTEGER  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  book_id     INTEGER  NOT NULL REFERENCES books (id),
  title       TEXT     NOT NULL,
  words       INTEGER  NOT NULL,
  written_at  DATETIME NOT NULL,
  archived_at DATETIME
);
CREATE INDEX documents_created_by ON documents (created_by);
CREATE INDEX documents_book_id    ON documents (book_id);
