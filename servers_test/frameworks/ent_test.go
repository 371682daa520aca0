package frameworks

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
)

// These are the calls that ent's generated clients make.

func openEnt(_ *testing.T, p place, db *sql.DB) *entsql.Driver {
	if p.mysql() {
		return entsql.OpenDB(dialect.MySQL, db)
	}
	return entsql.OpenDB(dialect.Postgres, db)
}

type entUser struct {
	ID    int64
	Name  string
	Email string
	Age   int64
}

var entColumns = []string{"id", "name", "email", "age"}

func entID() *sqlgraph.FieldSpec { return sqlgraph.NewFieldSpec("id", field.TypeInt64) }

// entQuery is a query with a limit: 1 for First, 2 for Only and Get, 0 for All.
func entQuery(limit int, where func(*entsql.Selector)) func(*entsql.Driver) (any, error) {
	return func(db *entsql.Driver) (any, error) { return entSelect(bg, db, limit, where) }
}

func entSelect(ctx context.Context, db dialect.Driver, limit int, where func(*entsql.Selector)) ([]entUser, error) {
	var users []entUser
	spec := sqlgraph.NewQuerySpec("users", entColumns, entID())
	spec.Predicate, spec.Limit = where, limit
	spec.ScanValues = func(columns []string) ([]any, error) {
		return []any{new(sql.NullInt64), new(sql.NullString), new(sql.NullString), new(sql.NullInt64)}, nil
	}
	spec.Assign = func(_ []string, values []any) error {
		users = append(users, entUser{values[0].(*sql.NullInt64).Int64, values[1].(*sql.NullString).String,
			values[2].(*sql.NullString).String, values[3].(*sql.NullInt64).Int64})
		return nil
	}
	err := sqlgraph.QueryNodes(ctx, db, spec)
	return users, err
}

// entAll answers a query of the builder with one number in each row.
func entAll(db dialect.Driver, s *entsql.Selector) (any, error) {
	query, args := s.Query()
	var rows entsql.Rows
	if err := db.Query(bg, query, args, &rows); err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []int64
	err := entsql.ScanSlice(&rows, &all)
	return all, err
}

var entReads = []read[*entsql.Driver]{
	{"Get", entQuery(2, entsql.FieldEQ("id", 1)), 1},
	{"Get of none", entQuery(2, entsql.FieldEQ("id", 99)), 1},
	{"First", entQuery(1, entsql.FieldEQ("id", 2)), 1},
	{"Only by email", entQuery(2, entsql.FieldEQ("email", "bob@x")), 1},
	{"All", entQuery(0, entsql.FieldEQ("id", 3)), 1},
	{"All of many", entQuery(0, entsql.FieldGT("age", 35)), 0},
	{"Unique", func(db *entsql.Driver) (any, error) {
		return entAll(db, entsql.Dialect(db.Dialect()).Select("age").Distinct().From(entsql.Table("users")).Where(entsql.EQ("id", 1)))
	}, 1},
	{"FirstID", func(db *entsql.Driver) (any, error) {
		return entAll(db, entsql.Dialect(db.Dialect()).Select("id").From(entsql.Table("users")).Where(entsql.EQ("id", 4)).Limit(1))
	}, 1},
	{"Count", func(db *entsql.Driver) (any, error) {
		spec := sqlgraph.NewQuerySpec("posts", []string{"id"}, entID())
		spec.Predicate = entsql.FieldEQ("user_id", 1)
		return sqlgraph.CountNodes(bg, db, spec)
	}, 0},
	{"neighbors", func(db *entsql.Driver) (any, error) {
		s := sqlgraph.Neighbors(db.Dialect(), sqlgraph.NewStep(sqlgraph.From("users", "id", 1), sqlgraph.To("posts", "id"),
			sqlgraph.Edge(sqlgraph.O2M, false, "posts", "user_id")))
		return entAll(db, s.Select("id").OrderBy("id"))
	}, 0},
	{"a transaction", func(db *entsql.Driver) (any, error) {
		var users []entUser
		err := entTx(db, func(tx dialect.Driver) (err error) {
			users, err = entSelect(bg, tx, 2, entsql.FieldEQ("id", 1))
			return err
		})
		return users, err
	}, 0},
}

// entInTx lets a transaction stand for a driver, as ent's generated clients do.
type entInTx struct {
	dialect.ExecQuerier
	driver dialect.Driver
}

func (e entInTx) Dialect() string                        { return e.driver.Dialect() }
func (e entInTx) Close() error                           { return nil }
func (e entInTx) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(e), nil }

func entTx(db *entsql.Driver, f func(dialect.Driver) error) error {
	tx, err := db.Tx(bg)
	if err != nil {
		return err
	}
	if err := f(entInTx{tx, db}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// entUpdateOne is what UpdateOneID and Save do: an update, and a select of the row, in a transaction.
func entUpdateOne(db dialect.Driver, id int64, set func(*sqlgraph.UpdateSpec)) (any, error) {
	spec := sqlgraph.NewUpdateSpec("users", entColumns, entID())
	spec.Node.ID.Value = id
	set(spec)
	var u entUser
	spec.ScanValues = func([]string) ([]any, error) { return []any{&u.ID, &u.Name, &u.Email, &u.Age}, nil }
	spec.Assign = func([]string, []any) error { return nil }
	err := sqlgraph.UpdateNode(bg, db, spec)
	return u, err
}

func entDelete(table string, where func(*entsql.Selector)) func(*entsql.Driver) (any, error) {
	return func(db *entsql.Driver) (any, error) {
		spec := sqlgraph.NewDeleteSpec(table, entID())
		spec.Predicate = where
		return sqlgraph.DeleteNodes(bg, db, spec)
	}
}

func entCreate(name, email string, conflict ...entsql.ConflictOption) func(*entsql.Driver) (any, error) {
	return func(db *entsql.Driver) (any, error) {
		spec := sqlgraph.NewCreateSpec("users", entID())
		spec.SetField("name", field.TypeString, name)
		spec.SetField("email", field.TypeString, email)
		spec.OnConflict = conflict
		if err := sqlgraph.CreateNode(bg, db, spec); err != nil {
			return nil, err
		}
		return spec.ID.Value, nil
	}
}

var entWrites = []write[*entsql.Driver]{
	{"Create", entCreate("Eve", "eve@x"), exactly(2)},
	{"Create with an edge", func(db *entsql.Driver) (any, error) {
		spec := sqlgraph.NewCreateSpec("users", entID())
		spec.SetField("name", field.TypeString, "Fay")
		spec.SetField("email", field.TypeString, "fay@x")
		edge := &sqlgraph.EdgeSpec{Rel: sqlgraph.M2M, Table: "user_tags", Columns: []string{"user_id", "tag_id"},
			Target: &sqlgraph.EdgeTarget{IDSpec: entID(), Nodes: []driver.Value{int64(1)}}}
		spec.Edges = []*sqlgraph.EdgeSpec{edge}
		err := sqlgraph.CreateNode(bg, db, spec)
		return spec.ID.Value, err
	}, exactly(3)},
	{"CreateBulk", func(db *entsql.Driver) (any, error) {
		batch := &sqlgraph.BatchCreateSpec{}
		for _, title := range []string{"five", "six"} {
			spec := sqlgraph.NewCreateSpec("posts", entID())
			spec.SetField("title", field.TypeString, title)
			spec.SetField("user_id", field.TypeInt64, int64(1))
			batch.Nodes = append(batch.Nodes, spec)
		}
		if err := sqlgraph.BatchCreate(bg, db, batch); err != nil {
			return nil, err
		}
		return []any{batch.Nodes[0].ID.Value, batch.Nodes[1].ID.Value}, nil
	}, exactly(2)},
	{"UpdateOne", func(db *entsql.Driver) (any, error) {
		return entUpdateOne(db, 1, func(s *sqlgraph.UpdateSpec) { s.SetField("name", field.TypeString, "Amy") })
	}, exactly(2)},
	{"UpdateOne that moves", func(db *entsql.Driver) (any, error) {
		return entUpdateOne(db, 2, func(s *sqlgraph.UpdateSpec) {
			s.SetField("email", field.TypeString, "bim@x")
			s.AddField("age", field.TypeInt64, int64(1))
		})
	}, exactly(3)},
	{"UpdateOne of none", func(db *entsql.Driver) (any, error) {
		_, err := entUpdateOne(db, 99, func(s *sqlgraph.UpdateSpec) { s.SetField("name", field.TypeString, "none") })
		return told(err)
	}, exactly(0)},
	{"UpdateOne with an edge", func(db *entsql.Driver) (any, error) {
		return entUpdateOne(db, 1, func(s *sqlgraph.UpdateSpec) {
			s.Edges.Clear = []*sqlgraph.EdgeSpec{{Rel: sqlgraph.M2M, Table: "user_tags", Columns: []string{"user_id", "tag_id"},
				Target: &sqlgraph.EdgeTarget{IDSpec: entID(), Nodes: []driver.Value{int64(1)}}}}
			s.Edges.Add = []*sqlgraph.EdgeSpec{{Rel: sqlgraph.M2M, Table: "user_tags", Columns: []string{"user_id", "tag_id"},
				Target: &sqlgraph.EdgeTarget{IDSpec: entID(), Nodes: []driver.Value{int64(2)}}}}
		})
	}, exactly(2)},
	{"Update", func(db *entsql.Driver) (any, error) {
		spec := sqlgraph.NewUpdateSpec("users", entColumns, entID())
		spec.Predicate = entsql.FieldGTE("age", 41)
		spec.SetField("age", field.TypeInt64, int64(44))
		return sqlgraph.UpdateNodes(bg, db, spec)
	}, exactly(6)},
	{"upsert", entCreate("Ada", "cid@x", entsql.ConflictColumns("email"), entsql.ResolveWith(func(s *entsql.UpdateSet) { s.SetExcluded("name") })), exactly(2)},
	{"upsert of all", entCreate("Abe", "cid@x", entsql.ConflictColumns("email"), entsql.ResolveWithNewValues()), [2]drops{{2, 0}, {1, 1}}},
	{"upsert of nothing", entCreate("bad", "cid@x", entsql.ConflictColumns("email"), entsql.ResolveWithIgnore()), exactly(2)},
	{"a transaction", func(db *entsql.Driver) (any, error) {
		return nil, entTx(db, func(tx dialect.Driver) error {
			if _, err := entUpdateOne(tx, 1, func(s *sqlgraph.UpdateSpec) { s.SetField("name", field.TypeString, "Abe") }); err != nil {
				return err
			}
			_, err := entUpdateOne(tx, 3, func(s *sqlgraph.UpdateSpec) { s.SetField("name", field.TypeString, "Cat") })
			return err
		})
	}, exactly(4)},
	{"a transaction that is rolled back", func(db *entsql.Driver) (any, error) {
		return told(entTx(db, func(tx dialect.Driver) error {
			entUpdateOne(tx, 1, func(s *sqlgraph.UpdateSpec) { s.SetField("name", field.TypeString, "lost") })
			return errors.New("back")
		}))
	}, exactly(0)},
	{"ExecContext", func(db *entsql.Driver) (any, error) {
		return ran(db.ExecContext(bg, "UPDATE users SET name = 'Raw' WHERE id = 2"))
	}, exactly(2)},
	{"DeleteOne", entDelete("posts", entsql.FieldEQ("id", 2)), exactly(1)},
	{"Delete", entDelete("users", entsql.FieldIn("id", 1, 3)), exactly(10)},
}

func TestEnt(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			story[*entsql.Driver]{rules: tables, open: openEnt, reads: entReads, writes: entWrites}.tell(t, p)
		})
	}
}
