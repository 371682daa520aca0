package moneyclip_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

const shelves = `
	CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT);
	CREATE TABLE books (id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES owners (id) ON DELETE CASCADE, title TEXT);
	CREATE TABLE tags (id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES books (id) ON DELETE CASCADE, word TEXT);
	CREATE TABLE marks (id INTEGER PRIMARY KEY, tag_id INTEGER REFERENCES tags (id) ON DELETE CASCADE, page INTEGER);
	INSERT INTO owners VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cid');
	INSERT INTO books VALUES (10, 1, 'A'), (11, 1, 'B'), (20, 2, 'C'), (30, 3, 'D');
	INSERT INTO tags VALUES (100, 10, 'x'), (101, 11, 'y'), (200, 20, 'x'), (300, 30, 'z');
	INSERT INTO marks VALUES (1000, 100, 1), (1001, 100, 2), (2000, 200, 3), (3000, 300, 4)`

const countMarks = "SELECT count(*) FROM marks JOIN tags ON tags.id = marks.tag_id JOIN books ON books.id = tags.book_id WHERE books.owner_id = ?"

// pathCases are writes to a table that leads to the key of countMarks, by the owners whose key they touch.
var pathCases = []struct {
	write   string
	args    []any
	touched []int
}{
	{"INSERT INTO marks (tag_id, page) VALUES (100, 7)", nil, []int{1}},
	{"INSERT INTO marks (tag_id, page) VALUES (?, 7), (?, 8)", []any{100, 200}, []int{1, 2}},
	{"INSERT INTO marks (tag_id, page) SELECT id, 1 FROM tags WHERE word = 'x'", nil, []int{1, 2}},
	{"DELETE FROM marks WHERE page > 3", nil, []int{3}},
	{"UPDATE marks SET tag_id = 300 WHERE id = 1000", nil, []int{1, 3}},
	{"UPDATE marks SET page = 9", nil, nil}, // it is not counted
	{"UPDATE tags SET book_id = 20 WHERE word = 'z'", nil, []int{2, 3}},
	{"UPDATE tags SET word = 'q'", nil, nil},
	{"UPDATE books SET owner_id = 3 WHERE id = 10", nil, []int{1, 3}},
	{"UPDATE books SET owner_id = owner_id + 1 WHERE owner_id < 3", nil, []int{1, 2, 3}},
	{"DELETE FROM tags WHERE id = 100", nil, []int{1}},
	{"DELETE FROM books WHERE title = 'C'", nil, []int{2}},
	{"DELETE FROM owners WHERE name = 'Bob'", nil, []int{2}},
	{"INSERT INTO marks (tag_id, page) VALUES (NULL, 7)", nil, nil},
}

// markRule is the rule with its paths written out.
var markRule = moneyclip.Rule{Name: "marks", Key: "marks::%d", Query: countMarks, On: []moneyclip.On{
	{Table: "books", Columns: []string{"owner_id"}},
	{Table: "tags", Columns: []string{"book_id"}, Path: "SELECT owner_id FROM books WHERE id = ?"},
	{Table: "marks", Columns: []string{"tag_id"}, Path: "SELECT owner_id FROM books JOIN tags ON tags.book_id = books.id WHERE tags.id = ?"},
}}

func TestPaths(t *testing.T) {
	t.Parallel()
	rules := map[string]moneyclip.Rule{
		"declared": markRule,
		"inferred": {Name: "marks", Key: "marks::%d", Query: countMarks},
	}
	for name, rule := range rules {
		for _, inTx := range []bool{false, true} {
			for i, test := range pathCases {
				t.Run(fmt.Sprintf("%s %t %d", name, inTx, i), func(t *testing.T) {
					f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{rule}})
					for owner := 1; owner <= 3; owner++ {
						f.warm(t, countMarks, owner)
					}
					if inTx {
						tx, err := f.Begin()
						if err != nil {
							t.Fatal(err)
						}
						exec(t, tx, test.write, test.args...)
						if err := tx.Commit(); err != nil {
							t.Fatal(err)
						}
					} else {
						exec(t, f.DB, test.write, test.args...)
					}
					for owner := 1; owner <= 3; owner++ {
						f.want(t, slices.Contains(test.touched, owner), countMarks, owner)
					}
				})
			}
		}
	}
}

// A path that leads to too many keys drops them all.
func TestPathOfTooMany(t *testing.T) {
	t.Parallel()
	f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{markRule}, MaxKeys: 1})
	f.warm(t, countMarks, 1)
	f.warm(t, countMarks, 3)
	exec(t, f.DB, "DELETE FROM marks WHERE tag_id IN (100, 200)")
	f.wantMiss(t, countMarks, 3)
	if got := f.cache.Stats().Rules["marks"].RuleWide; got != 1 {
		t.Errorf("RuleWide = %d, want 1", got)
	}
}

// A path that cannot be gone again after the COMMIT drops all keys.
func TestPathThatFailsAfterwards(t *testing.T) {
	t.Parallel()
	for _, inTx := range []bool{false, true} {
		f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{markRule}})
		f.warm(t, countMarks, 1)
		f.warm(t, countMarks, 3)
		committed := false
		f.wire.whenDone(func(text string) { committed = committed || strings.EqualFold(text, "commit") })
		f.wire.failWith(func(text string) error {
			if committed && strings.HasPrefix(text, "SELECT owner_id") {
				return errors.New("no")
			}
			return nil
		})
		if inTx {
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			exec(t, tx, "DELETE FROM marks WHERE page = 1")
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		} else {
			exec(t, f.DB, "DELETE FROM marks WHERE page = 1")
		}
		f.wire.failWith(nil)
		f.wire.whenDone(nil)
		f.wantMiss(t, countMarks, 1)
		f.wantMiss(t, countMarks, 3)
	}
}

// Of a parameter that is compared with no column it is not known which values equal it: what a path finds drops all keys. So it is
// before the query of the rule was seen.
func TestPathToNoColumn(t *testing.T) {
	t.Parallel()
	const query = "-- name: CountBooks :one\nSELECT count(*) FROM books JOIN owners ON owners.id = books.owner_id WHERE lower(owners.name) = lower(?)"
	rule := func(query string) moneyclip.Rule {
		return moneyclip.Rule{Name: "books", Key: "books::%s", Query: query, On: []moneyclip.On{
			{Table: "owners", Columns: []string{"id"}, Path: "SELECT name FROM owners WHERE id = ?"},
			{Table: "books", Columns: []string{"owner_id"}, Path: "SELECT name FROM owners WHERE id = ?"},
		}}
	}
	for _, of := range []string{query, "CountBooks"} {
		f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{rule(of)}})
		exec(t, f.DB, "DELETE FROM books WHERE title = 'C'")
		f.warm(t, query, "ANN")
		exec(t, f.DB, "DELETE FROM books WHERE id = 10")
		f.wantMiss(t, query, "ANN")
	}
}

// So it is if one of a rule's queries compares it with a column and another one does not, whichever was seen first.
func TestPathOfTwoQueries(t *testing.T) {
	t.Parallel()
	const from = "-- name: CountBooks :one\nSELECT count(*) FROM books JOIN owners ON owners.id = books.owner_id WHERE "
	const path = "SELECT name FROM owners WHERE id = ?"
	rule := moneyclip.Rule{Name: "books", Key: "books::%s", Query: "CountBooks", On: []moneyclip.On{
		{Table: "owners", Columns: []string{"id"}, Path: path}, {Table: "books", Columns: []string{"owner_id"}, Path: path},
	}}
	loose, exact := from+"lower(owners.name) = lower(?)", from+"owners.name = ?"
	for _, order := range [][]string{{loose, exact}, {exact, loose}} {
		f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{rule}})
		for _, query := range order {
			f.warm(t, query, "ANN")
		}
		exec(t, f.DB, "DELETE FROM books WHERE id = 10")
		f.wantMiss(t, loose, "ANN")
	}
}

// A path from a column that ignores case to one that does not finds less than what equals the written value.
func TestPathFromFoldedColumn(t *testing.T) {
	t.Parallel()
	const schema = `
		CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT);
		CREATE TABLE books (id INTEGER PRIMARY KEY, owner TEXT COLLATE NOCASE, pages INTEGER);
		INSERT INTO owners VALUES (1, 'Ann'), (2, 'Bob');
		INSERT INTO books VALUES (10, 'Ann', 3), (20, 'Bob', 4)`
	const query = "SELECT count(*) FROM owners JOIN books ON owners.name = books.owner WHERE owners.id = ?"
	f := open(t, schema, moneyclip.Config{Rules: []moneyclip.Rule{{Name: "books", Key: "books:%d", Query: query, On: []moneyclip.On{
		{Table: "owners", Columns: []string{"id"}},
		{Table: "books", Columns: []string{"owner"}, Path: "SELECT id FROM owners WHERE name = ?"},
	}}}})
	f.warm(t, query, 1)
	exec(t, f.DB, "DELETE FROM books WHERE id = 10")
	f.wantMiss(t, query, 1)
}

// Once a query was seen that compares its parameter with a column, a path drops the keys that it finds.
func TestPathOfQueryToCome(t *testing.T) {
	t.Parallel()
	const query = "-- name: CountTags :one\nSELECT count(*) FROM tags JOIN books ON books.id = tags.book_id WHERE books.owner_id = ?"
	f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{{
		Name: "tags", Key: "tags::%d", Query: "CountTags", On: []moneyclip.On{
			{Table: "tags", Columns: []string{"book_id"}, Path: "SELECT owner_id FROM books WHERE id = ?"},
			{Table: "books"},
		},
	}}})
	exec(t, f.DB, "DELETE FROM tags WHERE word = 'y'")
	f.warm(t, query, 1)
	f.warm(t, query, 2)
	exec(t, f.DB, "DELETE FROM tags WHERE id = 200")
	f.wantHit(t, query, 1)
	f.wantMiss(t, query, 2)
	if got := f.cache.Stats().Rules["tags"].RuleWide; got != 1 {
		t.Errorf("RuleWide = %d, want 1: before the query was seen", got)
	}
}

// A path that begins at the written row itself finds nothing once the row is gone, and only the new key of one that has moved: all
// keys are dropped then. One that begins at another row of the same table finds it.
func TestPathFromTheRowItself(t *testing.T) {
	t.Parallel()
	const tree = `
		CREATE TABLE owners (id INTEGER PRIMARY KEY);
		CREATE TABLE books (id INTEGER PRIMARY KEY, owner_id INTEGER, volume_of INTEGER, title TEXT, pages INTEGER);
		INSERT INTO books VALUES (1, 1, NULL, 'A', 10), (2, 2, NULL, 'B', 10), (3, 3, NULL, 'C', 10), (10, NULL, 1, 'A1', 10), (20, NULL, 2, 'B1', 10)`
	const pages = "SELECT sum(volumes.pages), max(volumes.title) FROM books JOIN books AS volumes ON volumes.volume_of = books.id WHERE books.owner_id = ?"
	self := []moneyclip.On{
		{Table: "books", Columns: []string{"owner_id"}},
		{Table: "books", Columns: []string{"id"}, Path: "SELECT b.owner_id FROM books JOIN books AS b ON b.id = books.volume_of WHERE books.id = ?"},
	}
	away := []moneyclip.On{
		{Table: "books", Columns: []string{"owner_id"}},
		{Table: "books", Columns: []string{"volume_of"}, Path: "SELECT owner_id FROM books WHERE id = ?"},
	}
	for _, test := range []struct {
		on      []moneyclip.On
		write   string
		touched []int
	}{
		{self, "DELETE FROM books WHERE id = 10", []int{1, 2, 3}},
		{self, "DELETE FROM books WHERE title = 'A1'", []int{1, 2, 3}},
		{self, "UPDATE books SET volume_of = 2 WHERE id = 10", []int{1, 2, 3}},
		{self, "UPDATE books SET pages = 11 WHERE id = 10", []int{1}},
		{self, "INSERT INTO books VALUES (21, NULL, 2, 'B2', 10)", []int{2}},
		{away, "DELETE FROM books WHERE id = 10", []int{1}},
		{away, "DELETE FROM books WHERE id IN (1, 10)", []int{1}},
		{away, "UPDATE books SET volume_of = 2 WHERE id = 10", []int{1, 2}},
		{away, "UPDATE books SET pages = 11 WHERE id = 10", []int{1}},
	} {
		f := open(t, tree, moneyclip.Config{Rules: []moneyclip.Rule{{Name: "pages", Key: "pages::%d", Query: pages, On: test.on}}})
		for owner := 1; owner <= 3; owner++ {
			f.warm(t, pages, owner)
		}
		exec(t, f.DB, test.write)
		for owner := 1; owner <= 3; owner++ {
			f.want(t, slices.Contains(test.touched, owner), pages, owner)
		}
	}
}

// A path that leads elsewhere after the COMMIT than before it drops the keys of both.
func TestPathThatLeadsElsewhereAfterwards(t *testing.T) {
	t.Parallel()
	for _, write := range []string{"INSERT INTO marks (tag_id, page) VALUES (100, 7)", "DELETE FROM marks WHERE page = 1"} {
		f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{markRule}})
		for owner := 1; owner <= 3; owner++ {
			f.warm(t, countMarks, owner)
		}
		var moveErr error
		f.wire.whenDone(func(text string) {
			if strings.EqualFold(text, "commit") {
				_, moveErr = f.bare.Exec("UPDATE books SET owner_id = 3 WHERE id = 10")
			}
		})
		exec(t, f.DB, write)
		f.wire.whenDone(nil)
		if moveErr != nil {
			t.Fatal(moveErr)
		}
		f.wantMiss(t, countMarks, 1)
		f.wantHit(t, countMarks, 2)
		f.wantMiss(t, countMarks, 3)
	}
}

// A path that would lead through other tables after the COMMIT drops all keys.
func TestPathOfChangedSession(t *testing.T) {
	t.Parallel()
	f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{markRule}})
	for owner := 1; owner <= 3; owner++ {
		f.warm(t, countMarks, owner)
	}
	c, err := f.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx, err := c.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "DELETE FROM marks WHERE page = 1")
	exec(t, tx, "CREATE TEMP TABLE books (id INTEGER, owner_id INTEGER)") // of this connection alone
	var moveErr error
	f.wire.whenDone(func(text string) {
		if strings.EqualFold(text, "commit") {
			_, moveErr = f.bare.Exec("UPDATE main.books SET owner_id = 3 WHERE id = 10")
		}
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wire.whenDone(nil)
	c.Raw(func(any) error { return driver.ErrBadConn }) // it is not used again
	c.Close()
	if moveErr != nil {
		t.Fatal(moveErr)
	}
	f.wantMiss(t, countMarks, 1)
	f.wantMiss(t, countMarks, 3)
}

// A path from where too many rows begin is not gone for each of them.
func TestPathFromTooMany(t *testing.T) {
	t.Parallel()
	f := open(t, shelves+`; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
		INSERT INTO tags SELECT 10000 + i, 10, 'n' FROM n; INSERT INTO marks SELECT id, id, 0 FROM tags WHERE id > 10000`,
		moneyclip.Config{Rules: []moneyclip.Rule{markRule}, MaxKeys: 5000})
	f.warm(t, countMarks, 1)
	f.warm(t, countMarks, 3)
	exec(t, f.DB, "DELETE FROM marks WHERE page = 0")
	f.wantMiss(t, countMarks, 1)
	f.wantMiss(t, countMarks, 3)
}

// A row that leads to a key by a way that the caller has cut meanwhile, and a path that is gone for what it found before.
func TestPathIsGoneTwice(t *testing.T) {
	t.Parallel()
	f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{markRule}})
	for _, args := range [][]any{{1}, {2}, {3}} {
		f.warm(t, countMarks, args...)
	}
	f.sent()
	exec(t, f.DB, "INSERT INTO marks (tag_id, page) VALUES (100, 1), (100, 2), (200, 3)")
	n := 0
	for _, text := range f.sent() {
		if strings.HasPrefix(text, "SELECT owner_id") {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d paths were gone, want 2 before the COMMIT and 2 after it", n)
	}
	f.wantMiss(t, countMarks, 1)
	f.wantMiss(t, countMarks, 2)
	f.wantHit(t, countMarks, 3)
}

// What a query joins by a column of another type leads nowhere, and neither does what is not joined at all.
func TestPathsThatAreNotInferred(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE a (id INTEGER PRIMARY KEY, k INT); CREATE TABLE b (id INTEGER PRIMARY KEY, a TEXT, n INT);
		CREATE TABLE c (id INTEGER PRIMARY KEY, k INT); INSERT INTO a VALUES (1, 1)`
	for _, query := range []string{
		"SELECT count(*) FROM b JOIN a ON a.id = b.a WHERE a.k = ?",
		"SELECT count(*) FROM a JOIN b ON b.n = a.id, c WHERE c.k = ?",
		"SELECT count(*) FROM b JOIN a ON a.id = b.a WHERE a.id = ?",
	} {
		f := open(t, schema, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "key-%d", Query: query}}})
		f.wantMiss(t, query, 1)
		f.wantMiss(t, query, 1)
		if !strings.Contains(f.log.String(), "cannot be inferred") {
			t.Errorf("%s: logged %q", query, f.log)
		}
	}
}

func TestPathFaults(t *testing.T) {
	t.Parallel()
	on := func(on ...moneyclip.On) moneyclip.Rule {
		return moneyclip.Rule{Name: "marks", Key: "marks::%d", Query: countMarks, On: on}
	}
	books := moneyclip.On{Table: "books", Columns: []string{"owner_id"}}
	marks := moneyclip.On{Table: "marks"}
	tags := func(path string, columns ...string) moneyclip.On {
		return moneyclip.On{Table: "tags", Columns: columns, Path: path}
	}
	for name, test := range map[string]struct {
		rule moneyclip.Rule
		want string
	}{
		"no columns":       {on(books, marks, tags("SELECT owner_id FROM books WHERE id = 1")), "no Columns"},
		"other parameters": {on(books, marks, tags("SELECT owner_id FROM books WHERE id = 1", "book_id")), "0 parameters, Columns has 1 column"},
		"no select":        {on(books, marks, tags("DELETE FROM books WHERE id = ?", "book_id")), "is not a SELECT"},
		"volatile":         {on(books, marks, tags("SELECT owner_id FROM books WHERE id = ? AND random() > 0", "book_id")), "random()"},
		"unwatched":        {on(books, marks, tags("SELECT id FROM owners WHERE id = ?", "book_id")), `add On{Table: "owners"`},
		"no table":         {on(books, marks, tags("SELECT owner_id FROM nowhere WHERE id = ?", "book_id")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{test.rule}})
			if err != nil {
				if test.want == "" || !strings.Contains(err.Error(), test.want) {
					t.Errorf("New: %v, want %q", err, test.want)
				}
				return
			}
			cache.Close()
			f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{test.rule}})
			f.want(t, true, countMarks, 1)
			f.want(t, true, countMarks, 1)
			if log := strings.ReplaceAll(f.log.String(), `\"`, `"`); test.want == "" && log != "" || !strings.Contains(log, test.want) {
				t.Errorf("logged %s\nwant %q", log, test.want)
			}
		})
	}
}

// A path that fails after the COMMIT has the rule dropped as a whole. What was in quarantine by key is released all the same.
func TestPathFailsAfterCommit(t *testing.T) {
	t.Parallel()
	f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{markRule}})
	f.warm(t, countMarks, 1)
	var paths atomic.Int64
	f.wire.failWith(func(text string) error {
		if strings.HasPrefix(text, "SELECT owner_id FROM books JOIN") && paths.Add(1) == 2 {
			return errors.New("out of memory")
		}
		return nil
	})
	exec(t, f.DB, "INSERT INTO marks (tag_id, page) VALUES (100, 7)") // of owner 1
	f.wire.failWith(nil)
	if paths.Load() < 2 {
		t.Fatal("the path was not looked at again")
	}
	f.warm(t, countMarks, 1)
}
