package moneyclip

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// Programs that share a store may have different rules: two services, or the old and the new version of one while it
// is deployed. Each writer has to drop what any of them has stored. So a reader puts what its rule wants of writers on the
// store's board before it asks for its first lease, and a writer compares the version of the board with the one that it
// knows: with its quarantine, and again with its release. What it did not know it drops then, before its caller has
// the answer.
//
// A store may lose a board. Whoever finds none ends the generation of all rules before a new one is made: what was
// stored under a rule that the new board lacks is good no more. It makes the board only if its claim from before is still
// there: another process may have made one meanwhile, and stored rows, and that may have been lost too. And a reader stores
// nothing unless the board is the one that it has found its notice on before it asked for the lease. Package
// internal/model tries all orders of these steps.

// A board is what this process knows of the board for one database in one namespace.
type board struct {
	name      string
	namespace string
	store     Store
	site      *site

	version atomic.Pointer[string] // of what is known; empty: nothing

	notices atomic.Pointer[[]string] // of all processes, sorted

	asking chan struct{} // holds one while the store is asked

	full atomic.Bool // there was a notice too many

	mu      sync.RWMutex // protects what follows, and changes of version
	own     map[string]*posted
	posting *posting // under way; nil: none
}

// A posted notice is one that this process has put on the board.
type posted struct {
	life  time.Duration
	asked time.Time // when a read last wanted it published
	at    time.Time // when it was last seen there after it was published; zero: not yet
}

// A posting puts the notices of this process on the board, for all readers who wait for it.
type posting struct {
	until time.Time     // for which they wait
	done  chan struct{} // closed by post
	err   error
}

const (
	noticeMargin  = time.Hour              // that a notice outlives the oldest row of its rule
	noticeAge     = 10 * time.Minute       // after which a notice is published again; much less than the margin
	maxNotices    = 1000                   // of one process: each publishing sends all. What is read beyond them is not cached
	boardPatience = 250 * time.Millisecond // of readers, the first time that they need a rule
	maxClaims     = 5                      // that may be lost, one after the other
)

func newBoard(store Store, namespace, scope string, s *site) *board {
	b := &board{
		name:      namespace + ":" + scope + ":@@rules",
		namespace: namespace,
		store:     store,
		site:      s,
		asking:    make(chan struct{}, 1),
		own:       map[string]*posted{},
	}
	b.version.Store(new(string))
	b.notices.Store(new([]string))
	return b
}

// announce sees to it that the notice of a read is on the board. The version is that of the board with the notice. It reports
// false if that cannot be said now.
//
// The notice is put there in the background, and has the time of a write. A reader does not wait that long: where a program
// starts on a machine that is busy, to connect to the store alone may take longer than he should wait, and nothing is wrong.
func (b *board) announce(ctx context.Context, r *readPlan) (version string, ok bool) {
	for {
		if version, ok := b.bears(r.notice); ok {
			return version, true
		}
		p := b.post(ctx, r)
		if p == nil {
			if b.full.Load() {
				r.rule.owner.logOnce("there are too many different rules and queries on the store: what is read by more of them is not cached", "most", maxNotices)
			}
			return "", false
		}
		patience := time.NewTimer(halfOf(ctx, time.Until(p.until)))
		defer patience.Stop()
		select {
		case <-p.done:
			if p.err != nil {
				return "", false
			}
			// It may have begun without this notice.
		case <-patience.C:
			return "", false
		case <-ctx.Done():
			return "", false
		}
	}
}

// bears reports whether a notice is known to be on the board, and on which version of it.
func (b *board) bears(text string) (version string, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	mine := b.own[text]
	version = *b.version.Load()
	return version, mine != nil && version != "" && elapsed(mine.at) < noticeAge
}

// elapsed is the time since then, by the clock that goes on while a machine is suspended if that says more.
func elapsed(at time.Time) time.Duration {
	return max(time.Since(at), time.Now().Round(0).Sub(at.Round(0)))
}

// post has the notice of a read put on the board, with the others of this process, or joins who does so already. It returns
// nil if there is too much to do.
func (b *board) post(ctx context.Context, r *readPlan) *posting {
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := b.own[r.notice]
	if mine == nil {
		if len(b.own) >= maxNotices {
			b.full.Store(true)
			return nil
		}
		mine = &posted{}
		b.own[r.notice] = mine
	}
	mine.life = max(mine.life, r.rule.TTL+noticeMargin) // another cache of this program may have the rule with another TTL
	mine.asked = time.Now()
	if b.posting != nil {
		return b.posting
	}
	p := &posting{until: time.Now().Add(boardPatience), done: make(chan struct{})}
	if !r.rule.owner.spawn(func() {
		ctx := context.WithoutCancel(ctx)
		short, cancel := context.WithTimeout(ctx, times.Store)
		defer cancel()
		if p.err = b.look(short, ""); p.err != nil {
			r.storeFailed(ctx, p.err)
		}
		b.mu.Lock()
		b.posting = nil
		b.mu.Unlock()
		close(p.done)
	}) {
		return nil
	}
	b.posting = p
	return p
}

// look learns what is on the board, and puts the notices of this process there; but not if a version is known by the time that nobody else
// asks any more: many writers come upon a new one together.
func (b *board) look(ctx context.Context, version string) error {
	select {
	case b.asking <- struct{}{}:
		defer func() { <-b.asking }()
		if b.isKnown(version) {
			return nil
		}
		return b.publish(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// publish puts the notices of this process on the board, and takes in the others'. Nobody else is asking.
func (b *board) publish(ctx context.Context) error {
	var notices []Notice
	b.mu.Lock()
	for text, p := range b.own {
		if time.Since(p.asked) > p.life {
			delete(b.own, text) // so does the store: no row is left that was stored under it
			continue
		}
		notices = append(notices, Notice{text, p.life})
	}
	b.mu.Unlock()
	got, err := b.store.Publish(ctx, b.name, notices, "")
	for lost := 0; err == nil && got.Claim != "" && lost < maxClaims; lost++ {
		// Before anybody writes by a board that lacks what the one before had on it.
		if _, err = b.store.Release(ctx, &Marks{Writer: newToken(), Generations: []string{everything(b.namespace)}}); err == nil {
			got, err = b.store.Publish(ctx, b.name, notices, got.Claim)
		}
	}
	if err == nil && got.Version == "" {
		err = errors.New("moneyclip: the store does not keep its boards")
	}
	if err != nil {
		return err
	}
	all := map[string]bool{}
	for _, text := range got.Notices {
		all[text] = true
	}
	var mine []string // that are there, for as long as was asked for
	for _, n := range notices {
		if all[n.Text] {
			mine = append(mine, n.Text)
		}
	}
	if texts := slices.Sorted(maps.Keys(all)); !slices.Equal(texts, *b.notices.Load()) {
		b.notices.Store(&texts)
		b.site.heed(b.site.all()...)
	}
	// After the rules: who finds the version known must find them too.
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range mine {
		b.own[text].at = now
	}
	b.version.Store(&got.Version)
	return nil
}

// isKnown reports whether a version of the board is the one that is known here. Of no board nothing is known: who has never
// seen one cannot tell that there was none from that it was lost.
func (b *board) isKnown(version string) bool { return version != "" && version == *b.version.Load() }

// doubt looks whether the board is still at a version, after a fill was refused: or else all would be, until the notices are
// published again.
func (b *board) doubt(ctx context.Context, version string) {
	if now, err := b.store.Release(ctx, &Marks{Board: b.name}); err == nil && now != version {
		b.look(ctx, now) // if it fails, the next reader finds out
	}
}

// heed binds what other processes have published, in some databases of the site. Plans of writes that were made without it
// are made again.
func (s *site) heed(databases ...*database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range databases {
		if m := d.meaning.Load(); m != nil {
			m.foreign.Store(m.bindForeign())
			m.unplan()
		}
	}
}

// board returns the site's board in a namespace. It is nil on a store that is this process's alone.
func (s *site) board(h *hub, namespace, scope string) *board {
	if !h.shared {
		return nil
	}
	s.list.Lock()
	defer s.list.Unlock()
	for _, b := range s.boards {
		if b.namespace == namespace {
			return b
		}
	}
	b := newBoard(h.store, namespace, scope, s)
	s.boards = append(s.boards, b)
	return b
}

// bindForeign binds the rules that other processes have published.
func (m *meaning) bindForeign() *[]*bound {
	d := m.database
	d.site.list.Lock()
	boards := slices.Clone(d.site.boards)
	d.site.list.Unlock()
	// A rule that has learnt from a text needs no notice of it. Until then one of this very process counts as another's: what texts
	// have taught is forgotten when rules are bound anew, while other processes go on storing what they read.
	known := map[string]bool{}
	for _, b := range m.own() {
		for _, r := range b.reads {
			known[r.notice] = true
		}
	}
	var foreign []*bound
	for _, b := range boards {
		// The owner of rules that are there for writers only: no read uses them.
		guest := &Cache{
			dialect: d.dialect, hub: d.hub, namespace: b.namespace, maxKeys: defaultMaxKeys, logger: slog.New(slog.DiscardHandler),
		}
		for _, text := range *b.notices.Load() {
			if known[text] {
				continue
			}
			if rule := m.bindNotice(guest, text); rule != nil {
				rule.notice = text
				foreign = append(foreign, rule)
			}
		}
	}
	return &foreign
}

// outlearns reports whether a plan has taught a rule of this process what it knew so far by a notice, as of a program that is its
// equal. Writers would do the same twice from here on.
func (m *meaning) outlearns(p *plan) bool {
	foreign := m.foreign.Load()
	return foreign != nil && slices.ContainsFunc(*foreign, func(b *bound) bool {
		return slices.ContainsFunc(p.reads, func(r *readPlan) bool { return r.notice == b.notice && slices.Contains(r.rule.reads, r) })
	})
}

// A notice is what writers have to know of one rule, and for the rule of a sqlc query of one of its texts, as it stands
// on a board.
type notice struct {
	Format int      `json:"format"`
	Name   string   `json:"name"`
	Key    string   `json:"key"`
	Query  string   `json:"query,omitempty"`
	Table  string   `json:"table,omitempty"`
	By     []string `json:"by,omitempty"`
	Args   []int    `json:"args,omitempty"`
	On     []On     `json:"on,omitempty"`
	Text   string   `json:"text,omitempty"`
	Path   []string `json:"path,omitempty"` // in which names without a schema are looked up
}

// noticeFormat goes up when a key's spelling changes, or what is inferred from a text.
const noticeFormat = 2

// noticeOf is the notice of a rule as one text uses it.
func noticeOf(b *bound, text string) string {
	n := notice{
		Format: noticeFormat, Name: b.Name, Key: b.Key, Query: b.Query, Table: b.Table, By: b.By, On: b.On,
		Path: b.meaning.catalog.Path,
	}
	if b.Query != "" {
		n.Args = b.Args
	}
	if b.bySQLCName() {
		n.Text = text
	}
	encoded, err := json.Marshal(n)
	if err != nil {
		panic("moneyclip: a rule cannot be encoded: " + err.Error()) // it is strings and numbers
	}
	return string(encoded)
}

// bindNotice binds one rule of another process; nil: this database cannot be meant. Of a rule that is not understood every
// write drops every key.
func (m *meaning) bindNotice(guest *Cache, text string) *bound {
	var n notice
	if err := json.Unmarshal([]byte(text), &n); err != nil || n.Name == "" {
		everything := guest.everything()
		return &bound{rule: &rule{counters: new(counters)}, meaning: m, owner: guest, generations: [2]string{everything, everything},
			unclear: "a rule of another program is not understood"}
	}
	r, err := compile(Rule{Name: n.Name, Key: n.Key, Query: n.Query, Table: n.Table, By: n.By, Args: n.Args, On: n.On}, place{})
	if err != nil {
		r = &rule{Rule: Rule{Name: n.Name}, counters: new(counters)}
	}
	if err != nil || n.Format != noticeFormat || m.catalog == nil {
		b := &bound{rule: r, meaning: m, owner: guest}
		b.locate(m.database.scope)
		b.unclear = "a rule of another program is not understood"
		return b
	}
	// Names in its text mean what they mean to the session that has sent it.
	catalog := *m.catalog
	catalog.Path = n.Path
	under := &meaning{database: m.database, catalog: &catalog, plans: map[string]*plan{}}
	b := bind(under, guest, r)
	var absent absentError
	if b.idle == "" && n.Text != "" {
		_, err := b.learn(under, m.database.hub.analyze(m.database.dialect, n.Text, &catalog))
		if errors.As(err, &absent) {
			return nil
		}
		if err != nil {
			b.idle = err.Error()
		}
	} else if b.isAbsent {
		return nil
	}
	if b.idle != "" {
		b.unclear = fmt.Sprintf("rule %s of another program: %s", n.Name, b.idle)
	}
	return b
}
