//go:build unix

package consistency

import "time"

// Setup is what a worker is told when it starts.
type Setup struct {
	Worker  uint32 // no two of a round have the same
	DSN     string
	Journal string // the file
	Seed    uint64

	Store    string // "redis", "miniature"
	Redis    []string
	Reached  map[string]string // :: address that somebody names → by which it is reached; nil: Redis is no list of Sentinels
	Password string
	Cluster  bool
	Mutant   string

	FailWrites bool
	Threads    int
	Readers    int
	Hot        bool // all is done to few rows, and readers are slow to store them
	Wide       int  // percent of writes that write all rows; at least 3

	Lease, Quarantine, Unknown, Grace, ReadTime, WriteTime time.Duration
}

// The rows. The steady ones are there from the beginning and change in groups too, the others come and go.
const (
	steady  = 20
	rows    = 26
	groups  = 4
	maxKeys = 8 // a write of more drops all keys of the rule
)

// schema makes the table, and keeps account of what was really committed: in the order of the numbers, which are drawn while
// the row is locked.
const schema = `
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''20ms''', current_database()); END $$;
CREATE TABLE items (id integer PRIMARY KEY, value bigint NOT NULL, part integer NOT NULL, note text NOT NULL);
CREATE TABLE account (number bigserial PRIMARY KEY, id integer NOT NULL, value bigint NOT NULL, gone boolean NOT NULL);
CREATE FUNCTION keep_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		INSERT INTO account (id, value, gone) VALUES (OLD.id, OLD.value, true);
		RETURN OLD;
	END IF;
	INSERT INTO account (id, value, gone) VALUES (NEW.id, NEW.value, false);
	RETURN NEW;
END $$;
CREATE TRIGGER keep_account AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION keep_account();
INSERT INTO items (id, value, part, note) SELECT i, i, i % 4, 'note' FROM generate_series(1, 20) i;
`

// Statements.
const (
	selectValue = "SELECT value FROM items WHERE id = $1"
	selectNote  = "SELECT value, note FROM items WHERE id = $1" // under the same key
	selectFresh = "SELECT part, value FROM items WHERE id = $1" // under a key that writers load again

	update    = "UPDATE items SET value = $1 WHERE id = $2"
	returning = "UPDATE items SET value = $1 WHERE id = $2 RETURNING value"
	upsert    = "INSERT INTO items (id, value, part, note) VALUES ($1, $2, -1, 'new') ON CONFLICT (id) DO UPDATE SET value = excluded.value"
	remove    = "DELETE FROM items WHERE id = $1 RETURNING value"
	bulk      = "UPDATE items SET value = $1::bigint + id WHERE part = $2"
	wide      = "UPDATE items SET value = $1::bigint + id WHERE part >= 0"
)
