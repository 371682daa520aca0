package moneyclip_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/moneyclip/moneyclip"
)

// What a program has written is not kept longer than its write: it may be large, and much.
func TestArgumentsAreNotKept(t *testing.T) {
	t.Parallel()
	const write = "UPDATE users SET email = ? WHERE id = ?"
	store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store})
	f.SetMaxOpenConns(1)
	f.wantRow(t, selectUser, 1)
	for name, run := range map[string]func(value []byte){
		"by an idle connection": func(value []byte) {
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			for id := range 3 {
				exec(t, tx, write, value, id)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		},
		"by what could not be delivered": func(value []byte) {
			store.quarantine.Store(true)
			store.release.Store(true)
			exec(t, f, write, value, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			value := func() weak.Pointer[byte] {
				value := make([]byte, 1<<10)
				run(value)
				return weak.Make(&value[0])
			}()
			f.wantRow(t, selectUser, 2)
			runtime.GC()
			if value.Value() != nil {
				t.Error("an argument is still there after its write")
			}
		})
	}
	runtime.KeepAlive(f)
}
