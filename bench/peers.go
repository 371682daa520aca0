package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"ariga.io/entcache"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/dtm-labs/rockscache"
	"github.com/eko/gocache/lib/v4/cache"
	gocacheredis "github.com/eko/gocache/store/redis/v4"
	rediscache "github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/zeromicro/go-zero/core/logx"
	zerocache "github.com/zeromicro/go-zero/core/stores/cache"
	zeroredis "github.com/zeromicro/go-zero/core/stores/redis"
	"github.com/zeromicro/go-zero/core/stores/sqlc"
	"github.com/zeromicro/go-zero/core/stores/sqlx"
)

// A Peer is something else that a program may use to read a row through a cache. It is read as that is meant to be read.
type peer struct {
	name string
	read func(ctx context.Context, id int64) error
}

// A record is an item as these caches want it: with exported fields.
type record struct {
	ID, Owner        int64
	Name, Note, Text string
	Price            float64
	Sold             bool
	Made             time.Time
}

func fetch(ctx context.Context, db *sql.DB, text string, id int64) (r record, err error) {
	err = db.QueryRowContext(ctx, text, id).Scan(&r.ID, &r.Owner, &r.Name, &r.Note, &r.Price, &r.Text, &r.Sold, &r.Made)
	return r, err
}

const life = time.Hour

func peerKey(kind string, id int64) string { return kind + ":item:" + strconv.FormatInt(id, 10) }

// peers are the ways to read a row of the database, ours first.
func (d *database) peers(t testing.TB, addr string) []peer {
	t.Helper()
	logx.Disable()
	text, prefix := d.text(selectFloor), fmt.Sprint(d.name, time.Now().UnixNano(), ":")
	bare := d.open(t, nil)
	plain := func(db *sql.DB) func(ctx context.Context, id int64) error {
		return func(ctx context.Context, id int64) error {
			_, err := fetch(ctx, db, text, id)
			return err
		}
	}
	client := newRedis(t, addr)
	all := []peer{
		{"MoneyClip in process", plain(d.open(t, d.cache(t, nil, itemRule)))},
		{"MoneyClip over Redis", plain(d.open(t, d.cache(t, client, itemRule)))},
		{d.name + " alone", plain(bare)},
		{"cache-aside by hand, JSON, go-redis", func(ctx context.Context, id int64) error {
			_, err := aside(ctx, client, bare, text, prefix, id)
			return err
		}},
	}

	manager := cache.New[string](gocacheredis.NewRedis(client))
	all = append(all, peer{"eko/gocache, JSON, go-redis", func(ctx context.Context, id int64) error {
		var r record
		got, err := manager.Get(ctx, peerKey(prefix+"gocache", id))
		if err == nil {
			return json.Unmarshal([]byte(got), &r)
		}
		if r, err = fetch(ctx, bare, text, id); err != nil {
			return err
		}
		b, err := json.Marshal(&r)
		return errors.Join(err, manager.Set(ctx, peerKey(prefix+"gocache", id), string(b)))
	}})

	once := rediscache.New(&rediscache.Options{Redis: client})
	all = append(all, peer{"go-redis/cache, msgpack", func(ctx context.Context, id int64) error {
		var r record
		return once.Once(&rediscache.Item{Ctx: ctx, Key: peerKey(prefix+"once", id), Value: &r, TTL: life, Do: func(*rediscache.Item) (any, error) {
			r, err := fetch(ctx, bare, text, id)
			return &r, err
		}})
	}})

	zero := sqlc.NewConn(sqlx.NewSqlConnFromDB(bare), zerocache.CacheConf{{RedisConf: zeroredis.RedisConf{Host: addr, Type: "node"}, Weight: 100}})
	all = append(all, peer{"go-zero CachedConn, JSON", func(ctx context.Context, id int64) error {
		var r record
		return zero.QueryRowCtx(ctx, &r, peerKey(prefix+"zero", id), func(ctx context.Context, _ sqlx.SqlConn, v any) (err error) {
			*v.(*record), err = fetch(ctx, bare, text, id)
			return err
		})
	}})

	rocks := rockscache.NewClient(client, rockscache.NewDefaultOptions())
	all = append(all, peer{"rockscache, JSON, go-redis", func(ctx context.Context, id int64) error {
		got, err := rocks.Fetch2(ctx, peerKey(prefix+"rocks", id), life, func() (string, error) {
			r, err := fetch(ctx, bare, text, id)
			b, _ := json.Marshal(&r)
			return string(b), err
		})
		var r record
		return errors.Join(err, json.Unmarshal([]byte(got), &r))
	}})

	ent := entcache.NewDriver(entsql.OpenDB(d.ent, bare), entcache.TTL(life), entcache.Levels(entcache.NewLRU(0)))
	var lock sync.Mutex // its LRU is not made for several goroutines, as the race detector says
	all = append(all, peer{"entcache, LRU in process, locked", func(ctx context.Context, id int64) error {
		var rows entsql.Rows
		lock.Lock()
		err := ent.Query(ctx, text, []any{id}, &rows)
		lock.Unlock()
		if err != nil {
			return err
		}
		defer rows.Close()
		var r record
		for rows.Next() {
			if err := rows.Scan(&r.ID, &r.Owner, &r.Name, &r.Note, &r.Price, &r.Text, &r.Sold, &r.Made); err != nil {
				return err
			}
		}
		return rows.Err()
	}})

	for _, tracking := range []bool{false, true} {
		r, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: !tracking})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		name := "cache-aside by hand, JSON, rueidis"
		if tracking {
			name += " with client-side caching"
		}
		all = append(all, peer{name, func(ctx context.Context, id int64) error {
			key := peerKey(prefix+"rueidis"+strconv.FormatBool(tracking), id)
			var got string
			var err error
			if tracking {
				got, err = r.DoCache(ctx, r.B().Get().Key(key).Cache(), life).ToString()
			} else {
				got, err = r.Do(ctx, r.B().Get().Key(key).Build()).ToString()
			}
			var v record
			if err == nil {
				return json.Unmarshal([]byte(got), &v)
			}
			if v, err = fetch(ctx, bare, text, id); err != nil {
				return err
			}
			b, err := json.Marshal(&v)
			return errors.Join(err, r.Do(ctx, r.B().Set().Key(key).Value(string(b)).Ex(life).Build()).Error())
		}})
	}
	return all
}

// aside is what is written by hand most often. It reports whether the database was asked.
func aside(ctx context.Context, client *redis.Client, db *sql.DB, text, prefix string, id int64) (fetched bool, err error) {
	var r record
	key := peerKey(prefix+"aside", id)
	got, err := client.Get(ctx, key).Bytes()
	if err == nil {
		return false, json.Unmarshal(got, &r)
	}
	if r, err = fetch(ctx, db, text, id); err != nil {
		return true, err
	}
	b, err := json.Marshal(&r)
	return true, errors.Join(err, client.Set(ctx, key, b, life).Err())
}

// skewed are ids as programs ask for them: some often, most seldom (zipf, 1.1), so many of them.
func skewed(most int) []int64 {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(most-1))
	ids := make([]int64, 1<<16)
	for i := range ids {
		ids[i] = int64(z.Uint64())
	}
	return ids
}

// A Contest is what all peers have taken on one database.
type Contest struct {
	Database string
	*Measure
}

// contest has all peers read what they have stored.
func (w *world) contest(d *database, keys int) (all []*Contest) {
	w.t.Helper()
	ids := skewed(keys)
	peers := d.peers(w.t, w.redis)
	var arms []*Arm
	for _, p := range peers {
		for id := range keys {
			if err := p.read(context.Background(), int64(id)); err != nil {
				w.t.Fatalf("%s: %s: %v", d.name, p.name, err)
			}
		}
		arms = append(arms, &Arm{Name: p.name, Run: func(i int) error { return p.read(context.Background(), ids[i%len(ids)]) }})
	}
	for _, goroutines := range []int{1, 8, 64} {
		m := w.effort.Compare(w.t, goroutines, ratio, arms...)
		all = append(all, &Contest{d.name, m})
		for i, arm := range m.Arms {
			w.log("%s, %s: %-60s %8.2f us %6.1f allocations", d.name, many(goroutines), arm, m.Nanoseconds[i]/1000, m.Allocations[i])
		}
	}
	return all
}
