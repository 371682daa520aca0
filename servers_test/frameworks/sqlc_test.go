package frameworks

import (
	"context"
	"database/sql"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	mysqlplain "github.com/moneyclip/moneyclip/servers_test/frameworks/sqlc/mysql/plain"
	mysqlprepared "github.com/moneyclip/moneyclip/servers_test/frameworks/sqlc/mysql/prepared"
	"github.com/moneyclip/moneyclip/servers_test/frameworks/sqlc/postgres/argument"
	"github.com/moneyclip/moneyclip/servers_test/frameworks/sqlc/postgres/plain"
	"github.com/moneyclip/moneyclip/servers_test/frameworks/sqlc/postgres/prepared"
)

//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate -f sqlc/sqlc.yaml

// A generated is what sqlc has generated in one of its forms: the same methods, of different types.
type generated struct {
	db      *sql.DB
	queries any
	handle  any // emit_methods_with_db_argument: what is given to each method; nil: nothing
}

// call calls a method by its name.
func (g generated) call(method string, args ...any) (any, error) {
	in := []reflect.Value{reflect.ValueOf(context.Background())}
	if g.handle != nil {
		in = append(in, reflect.ValueOf(g.handle))
	}
	for _, arg := range args {
		in = append(in, reflect.ValueOf(arg))
	}
	out := reflect.ValueOf(g.queries).MethodByName(method).Call(in)
	err, _ := out[len(out)-1].Interface().(error)
	return out[0].Interface(), err
}

// withTx is what WithTx returns.
func (g generated) withTx(tx *sql.Tx) generated {
	if g.handle != nil {
		return generated{g.db, g.queries, tx}
	}
	return generated{g.db, reflect.ValueOf(g.queries).MethodByName("WithTx").Call([]reflect.Value{reflect.ValueOf(tx)})[0].Interface(), nil}
}

func (g generated) inTx(f func(generated) error) error {
	tx, err := g.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(g.withTx(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

func calls(method string, args ...any) func(generated) (any, error) {
	return func(g generated) (any, error) { return g.call(method, args...) }
}

// executes is for methods that return an error alone.
func executes(method string, args ...any) func(generated) (any, error) {
	return func(g generated) (any, error) {
		_, err := g.call(method, args...)
		return nil, err
	}
}

var sqlcReads = []read[generated]{
	{"GetUser", calls("GetUser", int64(1)), 1},
	{"GetUser of another", calls("GetUser", int64(2)), 1},
	{"GetUser of none", calls("GetUser", int64(99)), 1},
	{"GetUserByEmail", calls("GetUserByEmail", "cid@x"), 1},
	{"CountPosts", calls("CountPosts", int64(1)), 1},
	{"ListUsers", calls("ListUsers"), 0},
	{"in a transaction", func(g generated) (user any, err error) {
		err = g.inTx(func(g generated) error {
			user, err = g.call("GetUser", int64(1))
			return err
		})
		return user, err
	}, 0},
}

var sqlcWrites = []write[generated]{
	{"SaveUser", executes("SaveUser", "Eve", "eve@x", int64(20)), exactly(2)},
	{"SaveUser again", executes("SaveUser", "Cat", "cid@x", int64(20)), exactly(2)},
	{"CreatePost", calls("CreatePost", int64(1), "five"), exactly(2)},
	{"RenameUser", calls("RenameUser", "Amy", int64(1)), exactly(2)},
	{"RaiseAges", calls("RaiseAges", int64(40)), exactly(6)},
	{"WithTx", func(g generated) (any, error) {
		return nil, g.inTx(func(g generated) error {
			if _, err := g.call("RenameUser", "Bim", int64(2)); err != nil {
				return err
			}
			_, err := g.call("CreatePost", int64(1), "six")
			return err
		})
	}, exactly(4)},
	{"WithTx, rolled back", func(g generated) (any, error) {
		return told(g.inTx(func(g generated) error {
			g.call("RenameUser", "lost", int64(1))
			return context.Canceled
		}))
	}, exactly(0)},
	{"DeleteUser", calls("DeleteUser", int64(1)), exactly(8)},
}

func TestSqlc(t *testing.T) {
	rules := slices.Concat(tables[1:], []moneyclip.Rule{
		{Key: "user::%d", Query: "GetUser", NotFound: time.Minute},
		{Key: "posts::%d", Query: "CountPosts"},
	})
	var (
		_ prepared.Querier      = (*prepared.Queries)(nil)
		_ mysqlprepared.Querier = (*mysqlprepared.Queries)(nil)
	)
	must := func(t *testing.T, queries any, err error) any {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reflect.ValueOf(queries).MethodByName("Close").Call(nil) })
		return queries
	}
	for _, p := range places {
		forms := map[string]func(*testing.T, place, *sql.DB) generated{
			"plain": func(t *testing.T, p place, db *sql.DB) generated {
				if p.mysql() {
					return generated{db, mysqlplain.New(db), nil}
				}
				return generated{db, plain.New(db), nil}
			},
			"prepared": func(t *testing.T, p place, db *sql.DB) generated {
				if p.mysql() {
					q, err := mysqlprepared.Prepare(context.Background(), db)
					return generated{db, must(t, q, err), nil}
				}
				q, err := prepared.Prepare(context.Background(), db)
				return generated{db, must(t, q, err), nil}
			},
			"argument": func(t *testing.T, p place, db *sql.DB) generated { return generated{db, argument.New(), db} },
		}
		if p.mysql() {
			delete(forms, "argument") // no different from Postgres'
		}
		for name, open := range forms {
			t.Run(p.base+" "+name, func(t *testing.T) {
				story[generated]{rules: rules, open: open, reads: sqlcReads, writes: sqlcWrites}.tell(t, p)
			})
		}
	}
}
