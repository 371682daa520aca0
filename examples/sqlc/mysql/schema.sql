CREATE TABLE accounts (
  id     BIGINT       PRIMARY KEY AUTO_INCREMENT,
  handle VARCHAR(64)  NOT NULL UNIQUE,
  name   VARCHAR(255) NOT NULL
);

CREATE TABLE followers (
  id         BIGINT       PRIMARY KEY AUTO_INCREMENT,
  account_id BIGINT       NOT NULL,
  name       VARCHAR(255) NOT NULL,
  FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE TABLE users (
  id     BIGINT       PRIMARY KEY AUTO_INCREMENT,
  name   VARCHAR(255) NOT NULL,
  domain VARCHAR(255) NOT NULL,
  INDEX (domain)
);

CREATE TABLE books (
  id    BIGINT       PRIMARY KEY AUTO_INCREMENT,
  title VARCHAR(255) NOT NULL
);

CREATE TABLE documents (
  id          BIGINT       PRIMARY KEY AUTO_INCREMENT,
  created_by  BIGINT       NOT NULL,
  book_id     BIGINT       NOT NULL,
  title       VARCHAR(255) NOT NULL,
  words       BIGINT       NOT NULL,
  written_at  DATETIME     NOT NULL,
  archived_at DATETIME,
  FOREIGN KEY (created_by) REFERENCES users (id) ON DELETE CASCADE,
  FOREIGN KEY (book_id)    REFERENCES books (id)
);
