package sqlite

import "testing"

// No text makes Schema fall over.
func FuzzSchema(f *testing.F) {
	for _, seed := range schemaSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if catalog, err := Schema(text, text); catalog == nil {
			t.Error(err)
		}
	})
}

var schemaSeeds = []string{
	"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE DEFAULT 'x', b REFERENCES t (a)); CREATE VIEW v AS SELECT t.a, * FROM t; ALTER TABLE t RENAME a TO c; ALTER TABLE t RENAME TO u",
	"CREATE TRIGGER r AFTER UPDATE OF a ON t BEGIN INSERT INTO t (a) VALUES (new.a) ON CONFLICT (a) DO UPDATE SET a = old.a; END; DROP TABLE t",
	"ALTER TABLE t ADD a; ALTER TABLE t DROP a; CREATE VIRTUAL TABLE f USING fts5 (x); CREATE TABLE u AS SELECT 1; ALTER TABLE u ADD x",
}
