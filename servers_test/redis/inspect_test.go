package redis_test

import (
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// store stores a row, and reports whether that was allowed.
func store(t *testing.T, s *redisstore.Store, key, rule string, id int64) bool {
	t.Helper()
	slot := &moneyclip.Slot{Key: []byte(key), Field: []byte("field"), Generations: [2]string{"moneyclip:s:@" + rule, "moneyclip:@@"}}
	grant, err := s.Lease(t.Context(), slot, token(), 10*time.Second, false)
	if err != nil {
		t.Fatal(err)
	}
	if grant.Answer != moneyclip.AnswerLease {
		return false
	}
	row := moneyclip.NewRow([]string{"id", "name"}, []driver.Value{id, "x"})
	filled, err := s.Fill(t.Context(), slot, grant.Lease, row, moneyclip.Age{Hard: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return filled
}

func entries(t *testing.T, s *redisstore.Store, pattern string) map[string]redisstore.Entry {
	t.Helper()
	all := map[string]redisstore.Entry{}
	for e, err := range s.Entries(t.Context(), pattern) {
		if err != nil {
			t.Fatal(err)
		}
		all[e.Key] = e
	}
	return all
}

// What is stored is shown, with its rule; what others have put there is damaged, or is not there.
func TestEntries(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	for i := range int64(300) {
		if !store(t, s, fmt.Sprintf("moneyclip:s:user::id-%d", i), "user", i) {
			t.Fatal("not stored")
		}
	}
	store(t, s, "moneyclip:s:book::1", "book", 1)
	if err := c.HSet(t.Context(), "moneyclip:{x}:s:user::id-1", "v:x", "y").Err(); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]int{"moneyclip:*": 301, "moneyclip:s:user::*": 300, "moneyclip:s:user::id-29?": 10, "other:*": 0} {
		if got := len(entries(t, s, pattern)); got != want {
			t.Errorf("%s: got %d entries, want %d", pattern, got, want)
		}
	}
	e, err := s.Entry(t.Context(), "moneyclip:s:user::id-7")
	if err != nil {
		t.Fatal(err)
	}
	if e.Rule != "user" || e.Damaged || len(e.Rows) != 1 || !e.Rows[0].Good || fmt.Sprint(e.Rows[0].Row.Columns(), e.Rows[0].Row.Values()) != "[id name] [7 x]" ||
		e.Rows[0].Hard <= 0 || e.Rows[0].Hard > time.Minute || e.Expires <= 0 {
		t.Errorf("got %+v", e)
	}
	if e, err := s.Entry(t.Context(), "moneyclip:s:none"); err != nil || len(e.Rows) != 0 || e.Damaged {
		t.Errorf("a key that is not there: got %+v, %v", e, err)
	}
	for range 2 {
		one := &moneyclip.Slot{Key: []byte("moneyclip:s:user::id-7"), Field: []byte("another"), Generations: [2]string{"moneyclip:s:@user", "moneyclip:@@"}}
		wantMiss(t, s, one)
		l := lease(t, s, one)
		if e, err := s.Entry(t.Context(), "moneyclip:s:user::id-7"); err != nil || e.Leases != 1 || e.Damaged {
			t.Errorf("with a lease: got %+v, %v", e, err)
		}
		must(t, s.Abandon(t.Context(), one, l))
	}
	for _, name := range c.Keys(t.Context(), "moneyclip:{*}:s:book::1").Val() {
		c.HSet(t.Context(), name, "v:field", "damaged", "odd", "1")
	}
	if e := entries(t, s, "moneyclip:s:book*")["moneyclip:s:book::1"]; !e.Damaged || len(e.Rows) != 1 || e.Rows[0].Row != nil {
		t.Errorf("damaged: got %+v", e)
	}
}

// What is purged is gone, and who is about to store it may not. But a writer at work keeps the key to himself.
func TestPurge(t *testing.T) {
	t.Parallel()
	s := patient(client(t, servers.Redis(t)))
	const key = "moneyclip:s:user::id-7"
	store(t, s, key, "user", 7)
	if err := s.Purge(t.Context(), key, "moneyclip:s:none"); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, s, "moneyclip:*"); len(got) != 0 {
		t.Errorf("got %+v after the purge", got)
	}
	writer := &moneyclip.Marks{Writer: token(), Keys: []string{key}}
	if _, err := s.Quarantine(t.Context(), writer, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if e := entries(t, s, "moneyclip:*")[key]; len(e.Writers) != 1 || e.Writers[0].Token != writer.Writer || e.Writers[0].Rule != "" {
		t.Errorf("beside a writer: got %+v", e)
	}
	if store(t, s, key, "user", 7) {
		t.Error("after a purge something was stored while a writer was at work")
	}
	if _, err := s.Release(t.Context(), writer); err != nil {
		t.Fatal(err)
	}
	if !store(t, s, key, "user", 7) {
		t.Error("nothing can be stored after the purge")
	}
}

// A rule that is purged has nothing stored any more, and others have.
func TestPurgeRule(t *testing.T) {
	t.Parallel()
	s := patient(client(t, servers.Redis(t)))
	for i := range int64(20) {
		store(t, s, fmt.Sprintf("moneyclip:s:user::id-%d", i), "user", i)
	}
	store(t, s, "moneyclip:s:book::1", "book", 1)
	if n, err := s.PurgeRule(t.Context(), "moneyclip", "user"); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	good := 0
	for _, e := range entries(t, s, "moneyclip:*") {
		for _, r := range e.Rows {
			if r.Good {
				good++
			}
		}
	}
	if good != 1 {
		t.Errorf("got %d rows that would be served, want that of the other rule", good)
	}
	if n, err := s.PurgeRule(t.Context(), "moneyclip", "none"); n != 0 || err != nil {
		t.Errorf("a rule that is not there: got %d, %v", n, err)
	}
	writer := &moneyclip.Marks{Writer: token(), Generations: []string{"moneyclip:s:@user"}}
	if _, err := s.Quarantine(t.Context(), writer, time.Minute); err != nil {
		t.Fatal(err)
	}
	if n, err := s.PurgeRule(t.Context(), "moneyclip", "user"); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	if store(t, s, "moneyclip:s:user::id-1", "user", 1) {
		t.Error("after a purge something was stored while a writer was at work")
	}
	if e, err := s.Entry(t.Context(), "moneyclip:s:user::id-1"); err != nil || len(e.Writers) != 1 || e.Writers[0].Rule != "user" {
		t.Errorf("got %+v, %v", e, err)
	}
}

// On a cluster it is the same, over all masters.
func TestInspectCluster(t *testing.T) {
	t.Parallel()
	s := patient(startCluster(t).client)
	for i := range int64(100) {
		if !store(t, s, fmt.Sprintf("moneyclip:s:user::id-%d", i), "user", i) {
			t.Fatal("not stored")
		}
	}
	all := entries(t, s, "moneyclip:*")
	for _, e := range all {
		if e.Rule != "user" || len(e.Rows) != 1 || !e.Rows[0].Good {
			t.Errorf("got %+v", e)
		}
	}
	if e, err := s.Entry(t.Context(), "moneyclip:s:user::id-7"); err != nil || len(e.Rows) != 1 || len(all) != 100 {
		t.Errorf("got %d entries, %+v, %v", len(all), e, err)
	}
	if err := s.Purge(t.Context(), "moneyclip:s:user::id-7", "moneyclip:s:user::id-8"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.PurgeRule(t.Context(), "moneyclip", "user"); err != nil || n != 1 {
		t.Errorf("got %d, %v", n, err)
	}
	for _, e := range entries(t, s, "moneyclip:*") {
		if len(e.Rows) != 1 || e.Rows[0].Good {
			t.Errorf("after the purge: got %+v", e)
		}
	}
}
