// Package moneyclip is a database/sql driver that wraps the driver you use already. It answers the single-row SELECTs
// that rules name from a cache, and on every write that passes through it drops exactly the cached keys that the write
// touches. It goes under sqlc-generated code without a change to it.
//
//	import (
//		_ "github.com/lib/pq"
//
//		"github.com/moneyclip/moneyclip"
//		_ "github.com/moneyclip/moneyclip/postgres"
//	)
//
//	func init() {
//		moneyclip.Register(
//			moneyclip.Rule{Key: "account::followers::account-id-%d", Query: "FollowersCount"},
//			moneyclip.Rule{Key: "user::id-%d", Table: "users", By: []string{"id"}},
//		)
//	}
//
//	db, err := sql.Open("moneyclip+postgres", dsn)
//
// # What is promised
//
// A cached read is never older than the last write that was acknowledged before the read began; it returns what the
// database held, committed, at some instant during the read; and while nobody writes, what the cache would serve equals
// the database. A hit has the types, bytes and columns of the base driver's own answer, and the base driver's errors
// pass through unchanged. The cache is never the reason that a read fails.
//
// With the in-process store this holds for one writing process: a write by another process, or past the driver, is not
// seen before the row's TTL. [Invalidate] is for those.
//
// # Transactions
//
// Reads in a transaction go to the database. Writes in a transaction drop their keys when it commits, and nothing if it
// is rolled back.
//
// # Lazy connections
//
// A connection dials when it first needs the database. So a hit costs no server connection, and works while the
// database is gone. Ping, Begin and Prepare dial. [sql.DB.Stats] counts connections that have not dialed.
//
// # Environment
//
// The default caches, those behind the driver names "moneyclip+...", read it once, when the first is opened. What the program
// says with [Configure] comes first. MONEYCLIP_REDIS_URL is the Redis that they share, if package redisstore is imported, and
// MONEYCLIP_NAMESPACE the first part of their keys. MONEYCLIP_DISABLE=1 sends every read to the database, while writes still
// invalidate, whatever the program says.
//
// # The base driver's own connection
//
// [sql.Conn.Raw] gives MoneyClip's connection; [Raw] gives the base driver's.
//
// # Seeing what it does
//
// [Cache.Explain] says what becomes of a statement, [Cache.Activity] which statements want a look, [Cache.Stats] and an
// [Observer] how often. Package debugpage shows all of it in a browser. [Config].Verify compares hits with the database.
// Package moneycliptest is for a program's tests.
//
// # Reading order
//
// The words: config.go, rules.go, keyfmt.go, statement.go, catalog.go, dialect.go, store.go, row.go with codec.go, context.go, errors.go.
// What a text means: cache.go, hub.go, database.go, bind.go, annotate.go, board.go, plan.go, effect.go, value.go, consequence.go,
// drops.go. The flow: driver.go and connector.go, then conn.go, trust.go, base.go, args.go, stmt.go and intercept.go, read.go for a hit and a
// miss, exec.go, reading.go, path.go, write.go, renewals.go and returning.go for a write, tx.go for transactions, reload.go with
// forms.go and outage.go for what comes after, raw.go for what goes past all of it, scan_go127.go and scan_old.go for
// rows that fill destinations themselves. The store of this process: memstore.go. Beside it, for people: explain.go, suggest.go, offline.go,
// verify.go, activity.go, observe.go, manifest.go, warm.go. ARCHITECTURE.md walks through them.
package moneyclip
