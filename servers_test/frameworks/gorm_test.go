package frameworks

import (
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	gormmysql "gorm.io/driver/mysql"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/moneyclip/moneyclip"
)

type gormUser struct {
	ID        int64
	Name      string
	Email     string
	Age       int64
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
	Posts     []gormPost `gorm:"foreignKey:UserID"`
	Tags      []gormTag  `gorm:"many2many:user_tags;joinForeignKey:UserID;joinReferences:TagID"`
}

type gormPost struct {
	ID     int64
	UserID int64
	User   *gormUser `gorm:"foreignKey:UserID"`
	Title  string
	Words  int64
}

type gormTag struct {
	ID   int64
	Name string
}

func (gormUser) TableName() string { return "users" }
func (gormPost) TableName() string { return "posts" }
func (gormTag) TableName() string  { return "tags" }

func openGorm(prepared bool) func(*testing.T, place, *sql.DB) *gorm.DB {
	return func(t *testing.T, p place, db *sql.DB) *gorm.DB {
		var dialector gorm.Dialector = gormpostgres.New(gormpostgres.Config{Conn: db})
		if p.mysql() {
			dialector = gormmysql.New(gormmysql.Config{Conn: db})
		}
		g, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard, PrepareStmt: prepared})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
}

// first returns a row as gorm finds it.
func first[T any](g *gorm.DB, conditions ...any) (any, error) {
	var row T
	err := g.First(&row, conditions...).Error
	return row, err
}

func affected(g *gorm.DB) (any, error) { return g.RowsAffected, g.Error }

var gormReads = []read[*gorm.DB]{
	{"First", func(g *gorm.DB) (any, error) { return first[gormUser](g, 1) }, 1},
	{"First of another", func(g *gorm.DB) (any, error) { return first[gormUser](g, 2) }, 1},
	{"First of none", func(g *gorm.DB) (any, error) { return first[gormUser](g, 99) }, 1},
	{"Take", func(g *gorm.DB) (any, error) {
		var u gormUser
		err := g.Take(&u, "id = ?", 3).Error
		return u, err
	}, 1},
	{"Find", func(g *gorm.DB) (any, error) {
		var us []gormUser
		err := g.Where(&gormUser{ID: 1}).Find(&us).Error
		return us, err
	}, 1},
	{"Find in", func(g *gorm.DB) (any, error) {
		var us []gormUser
		err := g.Order("id").Find(&us, []int64{1, 2}).Error
		return us, err
	}, 0},
	{"Where email", func(g *gorm.DB) (any, error) { return first[gormUser](g.Where("email = ?", "ann@x")) }, 1},
	{"Last", func(g *gorm.DB) (any, error) {
		var u gormUser
		err := g.Last(&u, 2).Error
		return u, err
	}, 1},
	{"Select", func(g *gorm.DB) (any, error) {
		var name string
		err := g.Model(&gormUser{}).Select("name").Where("id = ?", 1).Scan(&name).Error
		return name, err
	}, 1},
	{"Pluck", func(g *gorm.DB) (any, error) {
		var ages []int64
		err := g.Model(&gormUser{}).Where("id = ?", 2).Pluck("age", &ages).Error
		return ages, err
	}, 1},
	{"Unscoped", func(g *gorm.DB) (any, error) { return first[gormUser](g.Unscoped(), 4) }, 1},
	{"Raw", func(g *gorm.DB) (any, error) {
		var u gormUser
		err := g.Raw("SELECT id, name FROM users WHERE id = ?", 1).Scan(&u).Error
		return u, err
	}, 1},
	{"Count", func(g *gorm.DB) (any, error) {
		var n int64
		err := g.Model(&gormPost{}).Where("user_id = ?", 1).Count(&n).Error
		return n, err
	}, 1},
	{"Preload many", func(g *gorm.DB) (any, error) {
		return first[gormUser](g.Preload("Posts", func(g *gorm.DB) *gorm.DB { return g.Order("id") }).Preload("Tags"), 1)
	}, 1}, // the user
	{"Preload one", func(g *gorm.DB) (any, error) { return first[gormPost](g.Preload("User"), 3) }, 2},
	{"Joins", func(g *gorm.DB) (any, error) { return first[gormPost](g.Joins("User"), 3) }, 0},
	{"in a transaction", func(g *gorm.DB) (any, error) {
		var u gormUser
		err := g.Transaction(func(tx *gorm.DB) error { return tx.First(&u, 1).Error })
		return u, err
	}, 0},
}

var gormWrites = []write[*gorm.DB]{
	{"Create", func(g *gorm.DB) (any, error) {
		u := gormUser{Name: "Eve", Email: "eve@x", Posts: []gormPost{{Title: "five"}}}
		err := g.Create(&u).Error
		return u, err
	}, [2]drops{{2, 2}, {3, 1}}},
	{"Save", func(g *gorm.DB) (any, error) {
		var u gormUser
		g.First(&u, 1)
		u.Name, u.CreatedAt = "Amy", time.Unix(1e9, 0).UTC() // there is none, and no server has to take 0000-00-00
		return affected(g.Save(&u))
	}, exactly(2)},
	{"Update", func(g *gorm.DB) (any, error) {
		return affected(g.Model(&gormUser{ID: 2}).Update("name", "Bim"))
	}, exactly(2)},
	{"Updates", func(g *gorm.DB) (any, error) {
		return affected(g.Model(&gormUser{ID: 1}).Updates(gormUser{Email: "amy@x", Age: 31}))
	}, exactly(3)},
	{"Updates of a map", func(g *gorm.DB) (any, error) {
		return affected(g.Model(&gormUser{ID: 1}).Updates(map[string]any{"email": "ann@x", "age": gorm.Expr("age + ?", 1)}))
	}, exactly(3)},
	{"UpdateColumn", func(g *gorm.DB) (any, error) {
		return affected(g.Model(&gormUser{ID: 3}).UpdateColumn("age", gorm.Expr("age + 1")))
	}, exactly(2)},
	{"bulk Updates", func(g *gorm.DB) (any, error) {
		return affected(g.Model(&gormUser{}).Where("age > ?", 35).Updates(map[string]any{"age": 36}))
	}, exactly(6)},
	{"Updates of a join", func(g *gorm.DB) (any, error) {
		return affected(g.Model(&gormPost{}).Where("user_id IN (?)", g.Model(&gormUser{}).Select("id").Where("age = ?", 36)).Update("words", 5))
	}, exactly(2)},
	{"upsert", func(g *gorm.DB) (any, error) {
		return affected(g.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "email"}}, DoUpdates: clause.AssignmentColumns([]string{"name"})}).
			Create(&gormUser{Name: "Ada", Email: "ann@x"}))
	}, exactly(2)},
	{"upsert of all", func(g *gorm.DB) (any, error) {
		return affected(g.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]gormUser{{ID: 2, Name: "Ben", Email: "ben@x"}, {ID: 3, Name: "Cat", Email: "cid@x"}}))
	}, [2]drops{{2, 1}, {0, 2}}},
	{"upsert of nothing", func(g *gorm.DB) (any, error) {
		return affected(g.Clauses(clause.OnConflict{DoNothing: true}).Create(&gormUser{ID: 2, Name: "Bad", Email: "bad@x"}))
	}, [2]drops{{2, 0}, {0, 2}}},
	{"FirstOrCreate", func(g *gorm.DB) (any, error) {
		var u gormUser
		err := g.Where(gormUser{Email: "fay@x"}).Attrs(gormUser{Name: "Fay"}).FirstOrCreate(&u).Error
		return u, err
	}, exactly(2)},
	{"an association's Append", func(g *gorm.DB) (any, error) {
		return nil, g.Model(&gormUser{ID: 1}).Association("Posts").Append(&gormPost{Title: "six"})
	}, [2]drops{{2, 2}, {3, 1}}},
	{"an association's Replace", func(g *gorm.DB) (any, error) {
		return nil, g.Model(&gormUser{ID: 1}).Association("Tags").Replace(&gormTag{ID: 2, Name: "green"})
	}, exactly(4)},
	{"an association's Delete", func(g *gorm.DB) (any, error) {
		return nil, g.Model(&gormUser{ID: 1}).Association("Tags").Delete(&gormTag{ID: 2})
	}, exactly(1)},
	{"a transaction", func(g *gorm.DB) (any, error) {
		return nil, g.Transaction(func(tx *gorm.DB) error {
			tx.Model(&gormUser{ID: 1}).Update("name", "Abe")
			// Nested: a savepoint.
			tx.Transaction(func(tx *gorm.DB) error {
				tx.Model(&gormUser{ID: 2}).Update("name", "lost")
				return errors.New("back")
			})
			return tx.Model(&gormPost{ID: 3}).Update("title", "moved").Error
		})
	}, exactly(5)},
	{"a transaction that is rolled back", func(g *gorm.DB) (any, error) {
		return told(g.Transaction(func(tx *gorm.DB) error {
			tx.Model(&gormUser{ID: 1}).Update("name", "lost")
			return errors.New("back")
		}))
	}, exactly(0)},
	{"soft Delete", func(g *gorm.DB) (any, error) { return affected(g.Delete(&gormUser{}, 2)) }, exactly(2)},
	{"bulk soft Delete", func(g *gorm.DB) (any, error) { return affected(g.Where("age = ?", 36).Delete(&gormUser{})) }, exactly(2)},
	{"undelete", func(g *gorm.DB) (any, error) {
		return affected(g.Unscoped().Model(&gormUser{}).Where("id = ?", 2).Update("deleted_at", nil))
	}, exactly(2)},
	{"Exec", func(g *gorm.DB) (any, error) {
		return affected(g.Exec("UPDATE users SET name = ? WHERE id IN ?", "Raw", []int64{1, 2}))
	}, exactly(4)},
	{"Delete", func(g *gorm.DB) (any, error) { return affected(g.Delete(&gormPost{ID: 2})) }, exactly(2)},
	{"Delete of a user", func(g *gorm.DB) (any, error) { return affected(g.Unscoped().Delete(&gormUser{ID: 1})) }, exactly(5)},
}

func TestGorm(t *testing.T) {
	for _, p := range places {
		for _, prepared := range []bool{false, true} {
			name, count := p.base, `SELECT count(*) FROM "posts" WHERE user_id = $1`
			if p.mysql() {
				count = "SELECT count(*) FROM `posts` WHERE user_id = ?"
			}
			if prepared {
				name += " prepared"
			}
			t.Run(name, func(t *testing.T) {
				story[*gorm.DB]{
					rules: append(slices.Clone(tables), moneyclip.Rule{Name: "count", Key: "posts::%d", Query: count}),
					open:  openGorm(prepared), reads: gormReads, writes: gormWrites,
				}.tell(t, p)
			})
		}
	}
}
