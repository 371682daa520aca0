package moneyclip

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// WriteManifest writes the rules that were registered for the default caches as JSON, for tools that look at a program from
// outside. The command moneyclip writes it for a package whose init registers rules:
//
//	moneyclip manifest ./internal/db > moneyclip.json
func WriteManifest(w io.Writer) error {
	defaults.Lock()
	defer defaults.Unlock()
	var m manifest
	for i, r := range defaults.rules {
		compiled, err := compile(r, defaults.places[i]) // with its defaults
		if err != nil {
			return err
		}
		m.Rules = append(m.Rules, listed(compiled.Rule, defaults.places[i].String()))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	e.SetEscapeHTML(false)
	return e.Encode(m)
}

// ReadManifest reads what [WriteManifest] has written. The rules can go to [New].
func ReadManifest(r io.Reader) ([]Rule, error) {
	var m manifest
	d := json.NewDecoder(r)
	d.DisallowUnknownFields() // a rule that is half understood is another rule
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("moneyclip: the manifest: %w", err)
	}
	rules := make([]Rule, len(m.Rules))
	for i, r := range m.Rules {
		var err error
		if rules[i], err = r.rule(); err != nil {
			return nil, fmt.Errorf("moneyclip: the manifest: rule %s: %w", r.Name, err)
		}
	}
	return rules, nil
}

type manifest struct {
	Rules []listedRule `json:"rules"`
}

// A listedRule is a Rule in JSON. Durations are as in "5m0s".
type listedRule struct {
	Name     string     `json:"name"`
	Key      string     `json:"key"`
	Query    string     `json:"query,omitzero"`
	Table    string     `json:"table,omitzero"`
	By       []string   `json:"by,omitzero"`
	Args     []int      `json:"args,omitzero"`
	On       []listedOn `json:"on,omitzero"`
	TTL      string     `json:"ttl"`
	Soft     string     `json:"soft,omitzero"`
	NotFound string     `json:"notFound,omitzero"`
	Refresh  bool       `json:"refresh,omitzero"`
	Place    string     `json:"place,omitzero"` // file and line, where it was registered
}

type listedOn struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns,omitzero"`
	Path    string   `json:"path,omitzero"`
	Set     []string `json:"set,omitzero"`
}

func listed(r Rule, place string) listedRule {
	duration := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	l := listedRule{
		Name: r.Name, Key: r.Key, Query: r.Query, Table: r.Table, By: r.By, Args: r.Args, Refresh: r.Refresh, Place: place,
		TTL: duration(r.TTL), Soft: duration(r.Soft), NotFound: duration(r.NotFound),
	}
	if r.On != nil {
		l.On = []listedOn{} // no write is something else than those that are inferred
	}
	for _, on := range r.On {
		l.On = append(l.On, listedOn{Table: on.Table, Columns: on.Columns, Path: on.Path, Set: on.Set})
	}
	return l
}

func (l *listedRule) rule() (Rule, error) {
	r := Rule{Name: l.Name, Key: l.Key, Query: l.Query, Table: l.Table, By: l.By, Args: l.Args, Refresh: l.Refresh}
	for _, d := range []struct {
		to   *time.Duration
		text string
	}{{&r.TTL, l.TTL}, {&r.Soft, l.Soft}, {&r.NotFound, l.NotFound}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = time.ParseDuration(d.text); err != nil {
			return Rule{}, err
		}
	}
	if l.On != nil {
		r.On = []On{}
	}
	for _, on := range l.On {
		r.On = append(r.On, On{Table: on.Table, Columns: on.Columns, Path: on.Path, Set: on.Set})
	}
	return r, nil
}
