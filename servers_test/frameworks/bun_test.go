package frameworks

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/moneyclip/moneyclip"
)

type bunUser struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	ID        int64 `bun:",pk,autoincrement"`
	Name      string
	Email     string
	Age       int64
	DeletedAt time.Time  `bun:",soft_delete,nullzero"`
	Posts     []*bunPost `bun:"rel:has-many,join:id=user_id"`
}

type bunPost struct {
	bun.BaseModel `bun:"table:posts,alias:p"`

	ID     int64 `bun:",pk,autoincrement"`
	UserID int64
	User   *bunUser `bun:"rel:belongs-to,join:user_id=id"`
	Title  string
	Words  int64
}

func openBun(_ *testing.T, p place, db *sql.DB) *bun.DB {
	if p.mysql() {
		return bun.NewDB(db, mysqldialect.New())
	}
	return bun.NewDB(db, pgdialect.New())
}

var bunReads = []read[*bun.DB]{
	{"by primary key", func(db *bun.DB) (any, error) {
		u := &bunUser{ID: 1}
		err := db.NewSelect().Model(u).WherePK().Scan(bg)
		return u, err
	}, 1},
	{"Where", func(db *bun.DB) (any, error) {
		u := new(bunUser)
		err := db.NewSelect().Model(u).Where("id = ?", 2).Scan(bg)
		return u, err
	}, 1},
	{"none", func(db *bun.DB) (any, error) {
		u := new(bunUser)
		err := db.NewSelect().Model(u).Where("u.id = ?", 99).Scan(bg)
		return u, err
	}, 1},
	{"email, Limit", func(db *bun.DB) (any, error) {
		u := new(bunUser)
		err := db.NewSelect().Model(u).Where("email = ?", "bob@x").Limit(1).Scan(bg)
		return u, err
	}, 1},
	{"a quote in it", func(db *bun.DB) (any, error) {
		u := new(bunUser)
		err := db.NewSelect().Model(u).Where("email = ?", `o'b\x`).Scan(bg)
		return u, err
	}, 1},
	{"one column", func(db *bun.DB) (any, error) {
		var name string
		err := db.NewSelect().Model((*bunUser)(nil)).Column("name").Where("id = ?", 1).Scan(bg, &name)
		return name, err
	}, 1},
	{"deleted ones too", func(db *bun.DB) (any, error) {
		u := new(bunUser)
		err := db.NewSelect().Model(u).Where("id = ?", 2).WhereAllWithDeleted().Scan(bg)
		return u, err
	}, 1},
	{"Exists", func(db *bun.DB) (any, error) {
		return db.NewSelect().Model((*bunUser)(nil)).Where("id = ?", 3).Exists(bg)
	}, 1},
	{"Count", func(db *bun.DB) (any, error) {
		return db.NewSelect().Model((*bunPost)(nil)).Where("user_id = ?", 1).Count(bg)
	}, 0},
	{"many", func(db *bun.DB) (any, error) {
		var us []bunUser
		err := db.NewSelect().Model(&us).Where("id IN (?)", bun.List([]int64{1, 2})).Order("id").Scan(bg)
		return us, err
	}, 0},
	{"has many", func(db *bun.DB) (any, error) {
		u := &bunUser{ID: 1}
		err := db.NewSelect().Model(u).WherePK().Relation("Posts", func(q *bun.SelectQuery) *bun.SelectQuery { return q.Order("id") }).Scan(bg)
		return u, err
	}, 1}, // the user
	{"belongs to", func(db *bun.DB) (any, error) {
		post := &bunPost{ID: 3}
		err := db.NewSelect().Model(post).WherePK().Relation("User").Scan(bg)
		return post, err
	}, 0}, // a join
	{"NewRaw", func(db *bun.DB) (any, error) {
		var name string
		err := db.NewRaw("SELECT name FROM users WHERE id = ?", 3).Scan(bg, &name)
		return name, err
	}, 1},
	{"a transaction", func(db *bun.DB) (any, error) {
		u := &bunUser{ID: 1}
		err := db.RunInTx(bg, nil, func(ctx context.Context, tx bun.Tx) error { return tx.NewSelect().Model(u).WherePK().Scan(ctx) })
		return u, err
	}, 0},
}

var bg = context.Background()

var bunWrites = []write[*bun.DB]{
	{"insert", func(db *bun.DB) (any, error) {
		u := &bunUser{Name: "Eve", Email: "eve@x"}
		_, err := db.NewInsert().Model(u).Exec(bg)
		return u, err
	}, exactly(2)},
	{"insert of many", func(db *bun.DB) (any, error) {
		posts := []bunPost{{UserID: 1, Title: "five"}, {UserID: 2, Title: "six"}}
		_, err := db.NewInsert().Model(&posts).Exec(bg)
		return posts, err
	}, exactly(2)},
	{"update by primary key", func(db *bun.DB) (any, error) {
		return ran(db.NewUpdate().Model(&bunUser{ID: 1, Name: "Amy", Email: "amy@x", Age: 31}).WherePK().Exec(bg))
	}, exactly(3)},
	{"update of a column", func(db *bun.DB) (any, error) {
		return ran(db.NewUpdate().Model(&bunUser{ID: 2, Name: "Bim"}).Column("name").WherePK().Exec(bg))
	}, exactly(2)},
	{"update, OmitZero", func(db *bun.DB) (any, error) {
		return ran(db.NewUpdate().Model(&bunUser{ID: 1, Email: `o'b\x`}).OmitZero().WherePK().Exec(bg))
	}, exactly(3)},
	{"bulk update", func(db *bun.DB) (any, error) {
		return ran(db.NewUpdate().Model((*bunUser)(nil)).Set("age = age + ?", 1).Where("age >= ?", 40).Exec(bg))
	}, exactly(6)},
	{"bulk update by values", func(db *bun.DB) (any, error) {
		if db.Dialect().Name().String() == "mysql" {
			return ran(db.NewUpdate().Model(&bunPost{ID: 3, Title: "moved", UserID: 1}).WherePK().Exec(bg))
		}
		posts := []*bunPost{{ID: 3, Title: "moved", UserID: 1}}
		values := db.NewValues(&posts)
		return ran(db.NewUpdate().With("_data", values).Model((*bunPost)(nil)).TableExpr("_data").
			Set("title = _data.title").Set("user_id = _data.user_id").Where("p.id = _data.id").Exec(bg))
	}, exactly(1)},
	{"upsert", func(db *bun.DB) (any, error) {
		q := db.NewInsert().Model(&bunUser{Name: "Ada", Email: "cid@x"})
		if db.Dialect().Name().String() == "mysql" {
			q = q.On("DUPLICATE KEY UPDATE").Set("name = VALUES(name)")
		} else {
			q = q.On("CONFLICT (email) DO UPDATE").Set("name = EXCLUDED.name").Returning("NULL")
		}
		_, err := q.Exec(bg)
		return nil, err
	}, exactly(2)},
	{"Ignore", func(db *bun.DB) (any, error) {
		_, err := db.NewInsert().Model(&bunUser{Name: "bad", Email: "cid@x"}).Ignore().Returning("NULL").Exec(bg)
		return nil, err
	}, [2]drops{{1, 0}, {2, 0}}},
	{"a transaction", func(db *bun.DB) (any, error) {
		return nil, db.RunInTx(bg, nil, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewUpdate().Model(&bunUser{ID: 1, Name: "Abe"}).Column("name").WherePK().Exec(ctx); err != nil {
				return err
			}
			// Nested: a savepoint.
			tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				tx.NewUpdate().Model(&bunUser{ID: 3, Name: "lost"}).Column("name").WherePK().Exec(ctx)
				return errors.New("back")
			})
			_, err := tx.NewUpdate().Model(&bunUser{ID: 4, Name: "Dee"}).Column("name").WherePK().Exec(ctx)
			return err
		})
	}, exactly(6)}, // what went back to the savepoint counts
	{"a transaction that is rolled back", func(db *bun.DB) (any, error) {
		return told(db.RunInTx(bg, nil, func(ctx context.Context, tx bun.Tx) error {
			tx.NewUpdate().Model(&bunUser{ID: 1, Name: "lost"}).Column("name").WherePK().Exec(ctx)
			return errors.New("back")
		}))
	}, exactly(0)},
	{"soft delete", func(db *bun.DB) (any, error) { return ran(db.NewDelete().Model(&bunUser{ID: 2}).WherePK().Exec(bg)) }, exactly(2)},
	{"undelete", func(db *bun.DB) (any, error) {
		return ran(db.NewUpdate().Model(&bunUser{ID: 2}).WherePK().Set("deleted_at = NULL").WhereAllWithDeleted().Exec(bg))
	}, exactly(2)},
	{"NewRaw", func(db *bun.DB) (any, error) {
		return ran(db.NewRaw("UPDATE users SET name = ? WHERE id IN (?)", "Raw", bun.List([]int64{1, 3})).Exec(bg))
	}, exactly(4)},
	{"delete", func(db *bun.DB) (any, error) { return ran(db.NewDelete().Model(&bunPost{ID: 3}).WherePK().Exec(bg)) }, exactly(1)},
	{"ForceDelete", func(db *bun.DB) (any, error) {
		return ran(db.NewDelete().Model(&bunUser{ID: 1}).WherePK().ForceDelete().Exec(bg))
	}, exactly(6)},
}

func TestBun(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			story[*bun.DB]{rules: tables, open: openBun, reads: bunReads, writes: bunWrites}.tell(t, p)
		})
	}
}

// bun writes the arguments into the text, so what has a rule by its text is asked with those arguments only.
func TestBunText(t *testing.T) {
	p := places[0]
	rules := []moneyclip.Rule{{Name: "count", Key: "posts::1", Query: `SELECT count(*) FROM "posts" AS "p" WHERE (user_id = 1)`}}
	story[*bun.DB]{rules: rules, open: openBun,
		reads: []read[*bun.DB]{{"Count", func(db *bun.DB) (any, error) {
			return db.NewSelect().Model((*bunPost)(nil)).Where("user_id = ?", 1).Count(bg)
		}, 1}},
		writes: []write[*bun.DB]{
			{"a post of his", func(db *bun.DB) (any, error) {
				return ran(db.NewInsert().Model(&bunPost{UserID: 1, Title: "five"}).Returning("NULL").Exec(bg))
			}, exactly(1)},
			{"a post of another", func(db *bun.DB) (any, error) {
				return ran(db.NewInsert().Model(&bunPost{UserID: 2, Title: "six"}).Returning("NULL").Exec(bg))
			}, exactly(1)}, // the key has no verb
		}}.tell(t, p)
}
