package frameworks

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/moneyclip/moneyclip"
)

type sqlxUser struct {
	ID    int64
	Name  string
	Email string
	Age   int64
}

// openSqlx names the base driver, from which sqlx knows its placeholders.
func openSqlx(_ *testing.T, p place, db *sql.DB) *sqlx.DB { return sqlx.NewDb(db, p.base) }

const sqlxColumns = "SELECT id, name, email, age FROM users "

var sqlxReads = []read[*sqlx.DB]{
	{"Get", func(db *sqlx.DB) (any, error) {
		var u sqlxUser
		err := db.Get(&u, db.Rebind(sqlxColumns+"WHERE id = ?"), 1)
		return u, err
	}, 1},
	{"Get none", func(db *sqlx.DB) (any, error) {
		var u sqlxUser
		err := db.Get(&u, db.Rebind(sqlxColumns+"WHERE id = ?"), 99)
		return u, err
	}, 1},
	{"Get one value", func(db *sqlx.DB) (any, error) {
		var n int
		err := db.Get(&n, db.Rebind("SELECT count(*) FROM posts WHERE user_id = ?"), 1)
		return n, err
	}, 1},
	{"Select", func(db *sqlx.DB) (any, error) {
		var us []sqlxUser
		err := db.Select(&us, db.Rebind(sqlxColumns+"WHERE email = ?"), "bob@x")
		return us, err
	}, 1},
	{"Select of many", func(db *sqlx.DB) (any, error) {
		var us []sqlxUser
		query, args, err := sqlx.In(sqlxColumns+"WHERE id IN (?) ORDER BY id", []int64{1, 2})
		if err != nil {
			return nil, err
		}
		err = db.Select(&us, db.Rebind(query), args...)
		return us, err
	}, 0},
	{"In of one", func(db *sqlx.DB) (any, error) {
		var u sqlxUser
		query, args, err := sqlx.In(sqlxColumns+"WHERE id IN (?)", []int64{2})
		if err != nil {
			return nil, err
		}
		err = db.Get(&u, db.Rebind(query), args...)
		return u, err
	}, 1},
	{"StructScan", func(db *sqlx.DB) (any, error) {
		var u sqlxUser
		err := db.QueryRowx(db.Rebind(sqlxColumns+"WHERE id = ?"), 2).StructScan(&u)
		return u, err
	}, 1},
	{"MapScan", func(db *sqlx.DB) (any, error) {
		row := map[string]any{}
		err := db.QueryRowx(db.Rebind("SELECT * FROM users WHERE id = ?"), 3).MapScan(row)
		return row, err
	}, 1},
	{"SliceScan", func(db *sqlx.DB) (any, error) {
		return db.QueryRowx(db.Rebind("SELECT * FROM posts WHERE id = ?"), 3).SliceScan()
	}, 1},
	{"NamedQuery", func(db *sqlx.DB) (any, error) {
		rows, err := db.NamedQuery(sqlxColumns+"WHERE id = :id", sqlxUser{ID: 1})
		if err != nil {
			return nil, err
		}
		var us []sqlxUser
		err = sqlx.StructScan(rows, &us)
		return us, err
	}, 1},
	{"Preparex", func(db *sqlx.DB) (any, error) {
		st, err := db.Preparex(db.Rebind(sqlxColumns + "WHERE id = ?"))
		if err != nil {
			return nil, err
		}
		defer st.Close()
		var u sqlxUser
		err = st.Get(&u, 1)
		return u, err
	}, 1},
	{"PrepareNamed", func(db *sqlx.DB) (any, error) {
		st, err := db.PrepareNamed(sqlxColumns + "WHERE id = :id")
		if err != nil {
			return nil, err
		}
		defer st.Close()
		var u sqlxUser
		err = st.Get(&u, map[string]any{"id": 2})
		return u, err
	}, 1},
	{"a connection", func(db *sqlx.DB) (any, error) {
		c, err := db.Connx(context.Background())
		if err != nil {
			return nil, err
		}
		defer c.Close()
		var u sqlxUser
		err = c.GetContext(context.Background(), &u, c.Rebind(sqlxColumns+"WHERE id = ?"), 1)
		return u, err
	}, 1},
	{"a transaction", func(db *sqlx.DB) (any, error) {
		tx, err := db.Beginx()
		if err != nil {
			return nil, err
		}
		defer tx.Rollback()
		var u sqlxUser
		err = tx.Get(&u, tx.Rebind(sqlxColumns+"WHERE id = ?"), 1)
		return u, err
	}, 0},
}

// ran is what a statement says of itself.
func ran(result sql.Result, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return result.RowsAffected()
}

var sqlxWrites = []write[*sqlx.DB]{
	{"Exec", func(db *sqlx.DB) (any, error) {
		return ran(db.Exec(db.Rebind("UPDATE users SET name = ? WHERE id = ?"), "Amy", 1))
	}, exactly(2)},
	{"NamedExec", func(db *sqlx.DB) (any, error) {
		return ran(db.NamedExec("UPDATE users SET name = :name, email = :email WHERE id = :id", sqlxUser{ID: 2, Name: "Bim", Email: "bim@x"}))
	}, exactly(3)},
	{"NamedExec of many", func(db *sqlx.DB) (any, error) {
		return ran(db.NamedExec("INSERT INTO users (name, email, age) VALUES (:name, :email, :age)",
			[]sqlxUser{{Name: "Eve", Email: "bob@x"}, {Name: "Fay", Email: "fay@x"}}))
	}, exactly(4)},
	{"NamedQuery that writes", func(db *sqlx.DB) (any, error) {
		if db.DriverName() == "mysql" {
			return ran(db.Exec("INSERT INTO posts (user_id, title) VALUES (1, 'five')"))
		}
		rows, err := db.NamedQuery("INSERT INTO posts (user_id, title) VALUES (:id, 'five') RETURNING id, title", sqlxUser{ID: 1})
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		rows.Next()
		row, err := rows.SliceScan()
		return row, err
	}, exactly(2)},
	{"In", func(db *sqlx.DB) (any, error) {
		query, args, err := sqlx.In("UPDATE users SET age = ? WHERE id IN (?)", 7, []int64{1, 2, 3})
		if err != nil {
			return nil, err
		}
		return ran(db.Exec(db.Rebind(query), args...))
	}, exactly(6)},
	{"bulk", func(db *sqlx.DB) (any, error) {
		return ran(db.Exec(db.Rebind("UPDATE users SET age = age + 1 WHERE age < ?"), 20))
	}, exactly(10)},
	{"a prepared Exec", func(db *sqlx.DB) (any, error) {
		st, err := db.PrepareNamed("UPDATE posts SET user_id = :user WHERE id = :id")
		if err != nil {
			return nil, err
		}
		defer st.Close()
		return ran(st.Exec(map[string]any{"user": 1, "id": 3}))
	}, exactly(3)},
	{"a transaction", func(db *sqlx.DB) (any, error) {
		tx, err := db.Beginx()
		if err != nil {
			return nil, err
		}
		defer tx.Rollback()
		tx.MustExec(tx.Rebind("UPDATE users SET name = ? WHERE id = ?"), "Abe", 1)
		if _, err := tx.NamedExec("DELETE FROM posts WHERE id = :id", map[string]any{"id": 3}); err != nil {
			return nil, err
		}
		return nil, tx.Commit()
	}, exactly(4)},
	{"a transaction that is rolled back", func(db *sqlx.DB) (any, error) {
		tx, err := db.Beginx()
		if err != nil {
			return nil, err
		}
		tx.MustExec(tx.Rebind("UPDATE users SET name = ? WHERE id = ?"), "lost", 1)
		return nil, tx.Rollback()
	}, exactly(0)},
	{"Delete", func(db *sqlx.DB) (any, error) {
		return ran(db.Exec(db.Rebind("DELETE FROM users WHERE email = ?"), "ann@x"))
	}, exactly(7)},
}

// sqlxRules are the tables', and a query as Rebind writes it.
func sqlxRules(p place) []moneyclip.Rule {
	query := "SELECT count(*) FROM posts WHERE user_id = $1"
	if p.mysql() {
		query = "SELECT count(*) FROM posts WHERE user_id = ?"
	}
	return append(tables[:len(tables):len(tables)], moneyclip.Rule{Name: "count", Key: "posts::%d", Query: query})
}

func TestSqlx(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			story[*sqlx.DB]{rules: sqlxRules(p), open: openSqlx, reads: sqlxReads, writes: sqlxWrites}.tell(t, p)
		})
	}
}

func init() {
	moneyclip.Register(moneyclip.Rule{Name: "sqlx", Key: "sqlx::%d", Table: "users", By: []string{"id"}, NotFound: time.Minute})
}

// By its name sqlx knows a wrapped driver's placeholders only once it was told.
func TestSqlxBindDriver(t *testing.T) {
	for _, p := range places {
		name, bind := "moneyclip+"+p.base, sqlx.BindType(p.base)
		t.Run(name, func(t *testing.T) {
			if got := sqlx.BindType(name); got != sqlx.UNKNOWN {
				t.Fatalf("before it was told: %d", got)
			}
			sqlx.BindDriver(name, bind)
			_, dsn := p.bare(t)
			db, err := sqlx.Connect(name, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			cache, _ := moneyclip.Default(name)
			for _, want := range []string{"Ann", "Amy"} {
				for i := range 2 {
					before := cache.Stats().Hits
					var got string
					if err := db.Get(&got, db.Rebind("SELECT name FROM users WHERE id = ?"), 1); err != nil || got != want {
						t.Fatalf("%q, %v, want %q", got, err, want)
					}
					if hits := cache.Stats().Hits - before; hits != uint64(i) {
						t.Errorf("read %d: %d hits", i+1, hits)
					}
				}
				if _, err := db.NamedExec("UPDATE users SET name = :name WHERE id = :id", map[string]any{"name": "Amy", "id": 1}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
